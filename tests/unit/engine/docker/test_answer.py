import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.engine.docker.answer import MAX_HEAD, Answer, upgrade_request

GO = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\n"
REFUSED = b"HTTP/1.1 409 Conflict\r\nContent-Length: 9\r\n\r\nis paused"


def test_the_request() -> None:
    request = upgrade_request("/exec/1/start", b"{}")
    assert request.startswith(b"POST /exec/1/start HTTP/1.1\r\n")
    assert b"\r\nContent-Length: 2\r\n" in request
    assert request.endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("status", [b"101", b"200"])
def test_a_stream_begins_behind_the_head(status: bytes) -> None:
    answer = Answer()
    assert answer.feed(b"HTTP/1.1 " + status + b" X\r\n\r\nfirst")
    assert (answer.is_stream, answer.rest) == (True, b"first")


def test_an_errors_text_is_waited_for() -> None:
    answer = Answer()
    assert not answer.feed(REFUSED[:-1])
    assert answer.feed(REFUSED[-1:])
    assert (answer.is_stream, answer.status, answer.rest) == (False, 409, b"is paused")


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * (MAX_HEAD + 1)])
def test_what_is_no_http_has_no_status(said: bytes) -> None:
    answer = Answer()
    assert answer.feed(said)
    assert (answer.status, answer.is_stream) == (0, False)
    assert len(answer.rest) <= MAX_HEAD


def test_an_error_without_a_length_has_no_text() -> None:
    answer = Answer()
    assert answer.feed(b"HTTP/1.1 500 Oh\r\nContent-Length: many\r\n\r\n")
    assert (answer.status, answer.rest) == (500, b"")


def test_a_text_beyond_the_limit_is_cut() -> None:
    answer = Answer()
    head = b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\n"
    assert not answer.feed(head + bytes(MAX_HEAD - 1))
    assert answer.feed(bytes(10))
    assert len(answer.rest) == MAX_HEAD


@given(said=st.sampled_from((GO + b"rest", REFUSED)), cut=st.integers(0, 100))
def test_any_split_gives_the_same(said: bytes, cut: int) -> None:
    whole, split = Answer(), Answer()
    whole.feed(said)
    split.feed(said[:cut])
    if not split.is_complete:
        split.feed(said[cut:])
        assert split.rest == whole.rest
    assert (split.status, split.is_stream) == (whole.status, whole.is_stream)
