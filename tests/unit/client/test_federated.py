import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.client.scripted import Peer, scripted
from whale.client.address import Address
from whale.client.federated import MAX_TOKEN, exchanged, job_token
from whale.client.profile import Profile
from whale.model.errors import ProtocolError, UsageError, WhaleError
from whale.model.secret import Secret

SERVER = Address("https", "whale.example", 443)
ANSWER = {"name": "deploy", "access_token": "whale_access", "expires_in": 900}


def test_a_token_is_found_in_the_file_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of.the.file\n")
    environ = {"WHALE_ID_TOKEN": "of.the.environment", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example"}
    assert job_token(environ, str(file), SERVER) == Secret("of.the.file")
    assert job_token(environ, "", SERVER) == Secret("of.the.environment")


def test_what_is_no_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for text in ("", "two words", "two\nlines", "x" * (MAX_TOKEN + 1), "é"):
        file.write_text(text)
        with pytest.raises(UsageError) as caught:
            job_token({}, str(file), SERVER)
        assert not text or text not in str(caught.value)
    with pytest.raises(UsageError) as caught:
        job_token({}, str(tmp_path / "missing"), SERVER)
    assert "can't be read" in caught.value.message
    for environ in ({}, {"WHALE_ID_TOKEN": ""}, {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example"}):
        with pytest.raises(UsageError) as caught:
            job_token(environ, "", SERVER)
        assert "WHALE_ID_TOKEN" in caught.value.hint


def test_github_actions_is_asked_for_one_that_is_for_this_server() -> None:
    asked: list[tuple[str, str]] = []

    def runner(peer: Peer) -> None:
        request = peer.receive_request()
        asked.append((request.path, request.headers["Authorization"]))
        peer.answer(200, json.dumps({"count": 1, "value": "of.the.runner"}).encode())

    with scripted(runner) as server:
        for query in ("?api-version=2.0", ""):
            url = f"http://127.0.0.1:{server.port}/idtoken/job{query}"
            environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret"}
            assert job_token(environ, "", SERVER) == Secret("of.the.runner")
    audience = "audience=https%3A%2F%2Fwhale.example"
    assert asked == [
        (f"/idtoken/job?api-version=2.0&{audience}", "Bearer runner-secret"),
        (f"/idtoken/job?{audience}", "Bearer runner-secret"),
    ]


def test_what_github_actions_says_wrong() -> None:
    def wrong(status: int, body: bytes) -> Callable[[Peer], None]:
        def runner(peer: Peer) -> None:
            peer.receive_request()
            peer.answer(status, body)

        return runner

    for status, body in ((200, b"{}"), (200, b'{"value": 5}'), (200, b"[]"), (403, b"no")):
        with scripted(wrong(status, body)) as server:
            environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": server.url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
            with pytest.raises(WhaleError):
                job_token(environ, "", SERVER)
    environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://runner.example/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
    with pytest.raises(UsageError) as caught:
        job_token(environ, "", SERVER)
    assert "not encrypted" in caught.value.message


def test_a_token_is_exchanged_in_a_header() -> None:
    asked: list[tuple[str, str]] = []

    def accept(peer: Peer) -> None:
        request = peer.receive_request()
        asked.append((request.path, request.headers["Authorization"]))
        peer.answer(200, json.dumps(ANSWER).encode())

    with scripted(accept) as server:
        profile = Profile("lab", Address("http", "127.0.0.1", server.port), Secret(""))
        made, name = exchanged(profile, Secret("a.job.token"))
    assert asked == [("/1.0/login/exchange", "Bearer a.job.token")]
    assert (name, made.token, made.refresh) == ("deploy", Secret("whale_access"), None)
    assert 890 < made.expires - time.time() <= 900


@pytest.mark.parametrize("change", [{"access_token": "two words"}, {"expires_in": "x"}, {"expires_in": None}])
def test_an_answer_that_makes_no_sense(change: dict[str, object]) -> None:
    def accept(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps(ANSWER | change).encode())

    with scripted(accept) as server:
        profile = Profile("lab", Address("http", "127.0.0.1", server.port), Secret(""))
        with pytest.raises(ProtocolError):
            exchanged(profile, Secret("a.job.token"))
