import pytest

from tests.recording_events import header, output
from whale.client.find import find_in_lines, text_of
from whale.model.errors import ProtocolError
from whale.recording.event import Code, RecordedEvent
from whale.recording.header import encode_header
from whale.recording.lines import LineEncoder
from whale.recording.search_query import SearchQuery

EVENTS = [
    output(1000, b"$ dr\x1b[1mop\x1b[0m tab"), RecordedEvent(1500, Code.INPUT, b"drop it\r"),
    output(2000, b"le users\r\n"),
    RecordedEvent(2500, Code.ERROR_OUTPUT, b"drop failed\n"),
]  # fmt: skip
LINES = (encode_header(header()) + LineEncoder().encode(EVENTS)).splitlines()


def test_finds_what_the_server_would() -> None:
    assert list(find_in_lines(SearchQuery("drop"), LINES)) == [
        (1500, "typed", "drop it"), (2000, "screen", "$ drop table users"), (2500, "screen", "drop failed"),
    ]  # fmt: skip
    assert list(find_in_lines(SearchQuery("nowhere"), LINES)) == []


def test_a_recording_of_a_pipe_or_of_nothing() -> None:
    pipe = [LINES[0].replace(b'"tty":true', b'"tty":false'), b'[1, "o", "one\\ntwo"]']
    assert [line.text for line in text_of(pipe)] == ["one", "two"]
    assert list(text_of([])) == list(text_of([LINES[0]])) == []
    assert [line.text for line in text_of([b'{"version": 3, "term": 5}', b'[1, "o", "one"]'])] == ["one"]


def test_what_is_no_recording_is_said() -> None:
    with pytest.raises(ProtocolError):
        list(text_of([b"nonsense"]))
