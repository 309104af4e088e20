import json

import pytest

from tests.recording_events import ID, header
from whale.model.errors import RecordingError
from whale.recording.header import decode_header, encode_header, make_header


def test_the_line_is_the_header_of_an_asciicast() -> None:
    line = encode_header(header())
    assert line.startswith(b'{"version":3,')
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    said = json.loads(line)
    assert said["term"] == {"cols": 80, "rows": 24, "type": "xterm-256color"}
    assert said["timestamp"] == 1_700_000_000
    assert (said["title"], said["command"]) == ("alice@web", "bash -l")
    assert (said["whale"]["id"], said["whale"]["started"]) == (ID, 1_700_000_000_123)


def test_it_comes_back() -> None:
    assert decode_header(encode_header(header())) == header()


def test_a_command_without_a_terminal_has_a_size_for_players() -> None:
    assert make_header(header().whale, None).term.cols == 80


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"version":2,"width":80,"height":24}\n', b"\xff"])
def test_what_is_no_header_is_refused(line: bytes) -> None:
    with pytest.raises(RecordingError) as failed:
        decode_header(line)
    assert failed.value.code == "recording.damaged"
