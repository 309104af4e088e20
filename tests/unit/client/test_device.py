"""Logging in by a browser, from the command line's side."""

import json
import sys
import webbrowser
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.client.scripted import Peer, ScriptedServer, scripted
from whale.client import device as room
from whale.client.address import Address
from whale.client.device import DeviceLogin, await_device_login, begin_device_login, open_browser
from whale.client.profile import Profile
from whale.model.errors import ProtocolError, WhaleError
from whale.model.secret import Secret

BEGUN = {
    "device_code": "device",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://whale.example/login",
    "verification_uri_complete": "https://whale.example/login?code=BCDF-GHJK",
    "expires_in": 600,
    "interval": 2,
}
GRANTED = {"user": "alice", "access_token": "access", "refresh_token": "refresh", "expires_in": 900}


def profile(server: ScriptedServer) -> Profile:
    return Profile("", Address("http", "127.0.0.1", server.port), Secret(""))


def waiting(**changes: Any) -> DeviceLogin:
    made = DeviceLogin(Secret("device"), "BCDF-GHJK", "p", "q", seconds=20.0, interval=0.01)
    return made._replace(**changes)


def test_what_is_begun() -> None:
    asked: list[str] = []

    def answer(peer: Peer) -> None:
        request = peer.receive_request()
        assert "Authorization" not in request.headers
        asked.append(request.path)
        peer.answer(200, json.dumps(BEGUN).encode())

    with scripted(answer) as server:
        begun = begin_device_login(profile(server))
    assert begun is not None
    assert (begun.code, begun.user_code, begun.interval) == (Secret("device"), "BCDF-GHJK", 2.0)
    assert asked[0].startswith("/1.0/login/device?machine=")


@pytest.mark.parametrize("code", ["login.no_provider", "not_found", "auth.missing"])
def test_a_server_without_a_provider(code: str) -> None:
    with scripted(lambda peer: peer.refuse(404, code, "none")) as server:
        assert begin_device_login(profile(server)) is None


def test_a_server_that_has_too_many() -> None:
    with scripted(lambda peer: peer.refuse(429, "login.limit", "too many")) as server, pytest.raises(WhaleError):
        begin_device_login(profile(server))


@pytest.mark.parametrize(
    "change",
    [
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"verification_uri": "https://x\x1b]0;"},
        {"interval": "soon"},
        {"user_code": None, "expires_in": None},
    ],
)
def test_what_is_not_understood(change: dict[str, Any]) -> None:
    def answer(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, json.dumps(BEGUN | change).encode())

    with scripted(answer) as server, pytest.raises(ProtocolError):
        begin_device_login(profile(server))


class Script:
    """Answers one after the other; None hangs up."""

    def __init__(self, *answers: tuple[int, str] | None) -> None:
        self._answers: Iterator[tuple[int, str] | None] = iter(answers)

    def __call__(self, peer: Peer) -> None:
        request = peer.receive_request()
        assert request.path == "/1.0/login/device/token"
        assert request.headers["Authorization"] == "Bearer device"
        answer = next(self._answers)
        if answer is None:
            return
        status, code = answer
        peer.answer(200, json.dumps(GRANTED).encode()) if status == 200 else peer.refuse(status, code, "no")


def test_it_asks_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SLOWER", 0.01)
    script = Script((400, "login.pending"), None, (429, "login.slow_down"), (400, "login.pending"), (200, ""))
    with scripted(script) as server:
        found, who = await_device_login(profile(server), waiting())
    assert (found.token, found.refresh, who) == (Secret("access"), Secret("refresh"), "alice")


@pytest.mark.parametrize("code", ["login.denied", "login.expired", "login.name"])
def test_a_no_ends_it(code: str) -> None:
    with scripted(Script((400, "login.pending"), (403, code))) as server, pytest.raises(WhaleError) as caught:
        await_device_login(profile(server), waiting())
    assert caught.value.code == code


def test_it_does_not_ask_for_ever() -> None:
    with scripted(lambda peer: peer.refuse(400, "login.pending", "no")) as server, pytest.raises(WhaleError) as caught:
        await_device_login(profile(server), waiting(seconds=0.05))
    assert caught.value.code == "login.expired"


def test_a_browser_is_opened_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_(page: str) -> bool:
        opened.append(page)
        return True

    monkeypatch.setattr(webbrowser, "open", open_)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not open_browser("https://a", {})
    assert not open_browser("https://a", {"DISPLAY": ":0", "SSH_CONNECTION": "x"})
    assert open_browser("https://a", {"DISPLAY": ":0"})
    assert open_browser("https://b", {"WAYLAND_DISPLAY": "w"})
    monkeypatch.setattr(sys, "platform", "darwin")
    assert open_browser("https://c", {})
    assert opened == ["https://a", "https://b", "https://c"]
