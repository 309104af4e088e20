from collections.abc import Iterable

import pytest

from tests.corpus.secrets import cases
from whale.model.limits import KIB, MAX_REDACTED_LINE, MAX_REDACTION_HELD, MAX_REDACTION_UNSETTLED
from whale.recording.event import Code, RecordedEvent
from whale.recording.redact import Redactor
from whale.recording.rules import Rules
from whale.session.recorded_stream import NoRedactor, RecordedStream

TOKEN = b"ghp_" + b"a1B2c3D4" * 5
KEY = (
    b"-----BEGIN "
    + b"PRIVATE KEY-----\r\n"
    + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\r\n" * 20
    + b"-----END PRIVATE KEY-----\r\n"
)
WINDOW = 8
"""Characters of a secret that are too many."""


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules()


def output(at: int, data: bytes) -> RecordedEvent:
    return RecordedEvent(at, Code.OUTPUT, data)


def test_pieces_keep_their_times_though_they_are_redacted_together() -> None:
    stream = RecordedStream(Code.OUTPUT, NoRedactor(0), 0)
    stream.add(b"one ", 1)
    stream.add(b"two ", 5)
    assert stream.drain() == [output(1, b"one "), output(5, b"two ")]
    stream.add(b"three", 9)
    assert stream.drain() == [output(9, b"three")]
    assert stream.drain() == []


def test_a_character_waits_for_its_end() -> None:
    stream = RecordedStream(Code.OUTPUT, NoRedactor(0), 0)
    stream.add(b"a\xc3", 1)
    events = stream.drain()
    stream.hold(events)
    assert (events, stream.position) == ([output(1, b"a")], 1)
    stream.add(b"\xa9", 4)
    events = stream.drain()
    stream.hold(events)
    assert (events, stream.position) == ([output(4, "é".encode())], 3)


def test_what_is_not_recorded_is_passed_over() -> None:
    stream = RecordedStream(Code.OUTPUT, NoRedactor(0), 10)
    stream.skip(5)
    assert (stream.position, stream.end) == (15, 15)


def test_a_secret_has_the_time_of_its_beginning(rules: Rules) -> None:
    stream = RecordedStream(Code.OUTPUT, Redactor(rules), 0)
    stream.add(b"x " + TOKEN[:20], 1)
    stream.add(TOKEN[20:] + b" y\r\n", 7)
    events = stream.drain() + stream.finish()
    assert events == [output(1, b"x "), output(1, b"[redacted: github-token]"), output(7, b" y\r\n")]
    assert stream.is_changed


@pytest.mark.parametrize("secret", [TOKEN, KEY], ids=["token", "key"])
def test_nothing_of_a_secret_gets_through_where_a_server_is_replaced(rules: Rules, secret: bytes) -> None:
    data = b"before " + secret + b" behind\r\n"
    for cut in range(8, len(data) - 8, 3 if secret is TOKEN else 29):
        stream, found = RecordedStream(Code.OUTPUT, Redactor(rules), 0), b""
        for start in range(0, cut, 50):
            stream.add(data[start : min(cut, start + 50)], start)
            events = stream.drain()
            stream.hold(events)
            found += b"".join(event.data for event in events)
        again = stream.position
        assert again <= cut
        stream = RecordedStream(Code.OUTPUT, Redactor(rules, offset=again), again)
        stream.add(data[again:], 9)
        found += b"".join(event.data for event in stream.drain() + stream.finish())
        hidden = secret.replace(b"-----BEGIN PRIVATE KEY-----\r\n", b"")
        for at in range(0, len(hidden) - WINDOW, 5):
            assert (
                hidden[at : at + WINDOW] not in found or hidden[at : at + WINDOW].strip(b"-") in b"END PRIVATE KEY"
            ), (
                cut,
                found,
            )
        assert found.startswith(b"before ")
        assert found.rstrip().endswith(b"behind")


SECRETS = {case.kind: case.secret.encode() for case in cases()}


def unsettled(stream: RecordedStream, pieces: Iterable[bytes]) -> int:
    """Return how many bytes the session's log has to keep."""
    most = 0
    for piece in pieces:
        stream.add(piece, 1)
        stream.hold(stream.drain())
        most = max(most, stream.end - stream.position)
    return most


NEVER_ENDING = [b"0", b"\n", b"\x1b[1\n", b"\x1b[31m", b"\x1b]0;", b" ", b"\x80", b"\xc2"]


@pytest.mark.parametrize(
    ("kind", "more"), [*((kind, b"A") for kind in sorted(SECRETS)), *(("github p", more) for more in NEVER_ENDING)]
)
def test_nothing_without_end_fills_the_log(rules: Rules, kind: str, more: bytes) -> None:
    size = 32 * KIB
    stream = RecordedStream(Code.OUTPUT, Redactor(rules, cols=80), 0)
    pieces = [b"password=" + SECRETS[kind], *[more * (size // len(more))] * 14]
    assert unsettled(stream, pieces) <= MAX_REDACTION_UNSETTLED + MAX_REDACTION_HELD + 2 * size


def test_of_a_line_without_end_nothing_comes_twice_where_a_server_was_killed() -> None:
    words = b"".join(b"%d " % number for number in range(100_000))
    rules = Rules({"word": "x{16}"})
    stream = RecordedStream(Code.OUTPUT, Redactor(rules), 0)
    handed_out = b""
    for at in range(0, len(words), 5000):
        stream.add(words[at : at + 5000], 1)
        events = stream.drain()
        stream.hold(events)
        handed_out += b"".join(event.data for event in events)
        assert stream.position == len(handed_out)
    assert words.startswith(handed_out)
    assert len(words) - len(handed_out) <= 2 * MAX_REDACTED_LINE
