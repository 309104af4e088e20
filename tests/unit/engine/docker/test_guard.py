import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.engine.docker.guard import DOCKER_PREFIXES, ECHO, MAX_HELD, OutputGuard, TrailerGuard

FAILED = b"OCI runtime exec failed: exec failed: no\r\n"


def test_other_output_passes_at_once() -> None:
    guard = OutputGuard(DOCKER_PREFIXES)
    assert guard.feed(b"hello") == b"hello"
    assert guard.is_open
    assert guard.feed(FAILED) == FAILED


def test_an_engines_words_are_held_whole() -> None:
    guard = OutputGuard(DOCKER_PREFIXES)
    assert guard.feed(b"OCI run") == b""
    assert (guard.is_match, guard.held) == (False, b"OCI run")
    assert guard.feed(FAILED[7:]) == b""
    assert (guard.is_match, guard.held) == (True, FAILED)
    assert guard.release() == FAILED
    assert guard.is_open


def test_what_turns_out_different_is_let_go() -> None:
    guard = OutputGuard(DOCKER_PREFIXES)
    assert guard.feed(b"OCI") == b""
    assert guard.feed(b"!") == b"OCI!"


def test_no_more_than_the_limit_is_held() -> None:
    guard = OutputGuard(DOCKER_PREFIXES)
    assert guard.feed(FAILED + bytes(MAX_HELD - len(FAILED))) == b""
    assert len(guard.feed(b"!")) == MAX_HELD + 1


def test_the_echo_goes_only_when_it_is_first() -> None:
    assert OutputGuard((), echo=ECHO).feed(b"\r\n$ ") == b"$ "
    assert OutputGuard((), echo=ECHO).feed(b"$ \r\n") == b"$ \r\n"
    assert OutputGuard((), echo=ECHO).feed(b"\r\n\r\n") == b"\r\n"
    assert OutputGuard((), echo=ECHO).feed(b"\rx") == b"\rx"


def test_a_mark_behind_the_echo_is_held() -> None:
    guard = OutputGuard((b"mark:",), echo=ECHO)
    assert guard.feed(b"\r\nmark:no") == b""
    assert guard.is_match
    assert guard.held == b"mark:no"


@given(
    data=st.sampled_from((b"\r\nhello", b"hello", b"\r\nmark:x", b"\rno", b"\r\n", FAILED, b"\r\n" + FAILED)),
    cut=st.integers(0, 50),
)
def test_any_split_gives_the_same(data: bytes, cut: int) -> None:
    whole = OutputGuard((b"mark:", *DOCKER_PREFIXES), echo=ECHO)
    split = OutputGuard((b"mark:", *DOCKER_PREFIXES), echo=ECHO)
    expected = whole.feed(data)
    got = split.feed(data[:cut])
    got += split.feed(data[cut:]) if data[cut:] else b""
    assert (got, split.held) == (expected, whole.held)


TRAILER = b"Error: write unixpacket @->/proc/self/fd/16/attach: write: broken pipe\n"


def test_podmans_complaint_is_dropped_only_at_the_end() -> None:
    guard = TrailerGuard()
    assert guard.feed(b"real error\n" + TRAILER) == b"real error\n"
    assert guard.feed(b"more\n") == TRAILER + b"more\n"


@pytest.mark.parametrize("text", [b"Error: something else\n", TRAILER[:-1], TRAILER + b"x", b""])
def test_what_is_not_its_complaint_passes(text: bytes) -> None:
    assert TrailerGuard().feed(text) == text


def test_another_guard_goes_on_with_what_is_held() -> None:
    one = OutputGuard((b"mark:",), echo=ECHO)
    one.feed(b"\r")
    assert one.awaits_echo
    two = OutputGuard((b"mark:",), echo=ECHO if one.awaits_echo else b"", held=one.held)
    assert two.feed(b"\nma") == b""
    assert (two.held, two.awaits_echo) == (b"ma", False)
    three = OutputGuard((b"mark:",), held=two.held)
    assert three.feed(b"d") == b"mad"
    trailer = TrailerGuard(TRAILER)
    assert (trailer.held, trailer.has_trailer) == (TRAILER, True)
    assert trailer.feed(b"!") == TRAILER + b"!"
    assert trailer.held == b""
