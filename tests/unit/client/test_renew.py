"""A login's next tokens, with real sockets and a real file: once for all terminals, and nothing lost."""

import json
import threading
import time
from pathlib import Path

import pytest

from tests.unit.client.scripted import Peer, ScriptedServer, scripted
from whale.client.address import Address
from whale.client.http import get_version
from whale.client.profile import Profile, Profiles, changing, environment, find_server, load, save
from whale.client.renew import end_login, enrolled, renewed
from whale.model.errors import AuthenticationError, ProtocolError, WhaleError
from whale.model.secret import Secret


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WHALE_URL", "WHALE_TOKEN", "WHALE_CONTEXT", "WHALE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WHALE_CONFIG_DIR", str(tmp_path / "conf"))


class Turns:
    """A server that gives out one turn after the other, each for the token of the one before."""

    def __init__(self) -> None:
        self.turn = 0
        self.asked: list[str] = []
        self.lose = 0
        """Answers that are not sent."""
        self._lock = threading.Lock()

    def __call__(self, peer: Peer) -> None:
        request = peer.receive_request()
        token = request.headers["Authorization"].removeprefix("Bearer ")
        with self._lock:
            self.asked.append(f"{request.path} {token}")
            if request.path == "/1.0/version":
                good = token == f"access-{self.turn}"
                body = json.dumps({"version": "1", "api": "1.0", "engines": []}).encode()
                return peer.answer(200, body) if good else peer.refuse(401, "auth.invalid", "expired")
            if token != f"refresh-{self.turn}":
                return peer.refuse(401, "auth.reused", "two have it")
            if self.lose:
                self.lose -= 1
                return None
            self.turn += 1
            turn = {"access_token": f"access-{self.turn}", "refresh_token": f"refresh-{self.turn}"}
            return peer.answer(200, json.dumps({**turn, "user": "alice", "expires_in": 900}).encode())


def login(server: ScriptedServer, *, expires_in: float = 0.0) -> Profile:
    """Save a login of turn 0."""
    address = Address("http", "127.0.0.1", server.port)
    made = Profile("here", address, Secret("access-0"), refresh=Secret("refresh-0"), expires=time.time() + expires_in)
    with changing(environment()) as profiles:
        save(Profiles("here", {**profiles.saved, "here": made}), environment())
    return made


def find() -> Profile:
    return find_server(context="", insecure_http=False, environ=environment())


def test_one_that_is_good_for_a_while_is_left_alone() -> None:
    turns = Turns()
    with scripted(turns) as server:
        login(server, expires_in=61)
        assert find().token == Secret("access-0")
    assert turns.asked == []


def test_one_that_is_about_to_end_is_refreshed_and_saved() -> None:
    turns = Turns()
    with scripted(turns) as server:
        login(server, expires_in=59)
        assert find().token == Secret("access-1")
        assert find().token == Secret("access-1")
    saved = load(environment()).saved["here"]
    assert saved.refresh == Secret("refresh-1")
    assert 890 < saved.expires - time.time() <= 900
    assert turns.asked == ["/1.0/login/refresh refresh-0"]


def test_a_refused_token_is_refreshed_once() -> None:
    turns = Turns()
    with scripted(turns) as server:
        turns.turn = 0
        made = login(server, expires_in=600)
        stale = made._replace(token=Secret("access-old"))
        assert get_version(stale).version == "1", "another whale has a newer one"
        turns.turn = 5
        with pytest.raises(AuthenticationError) as caught:
            get_version(made)
        assert caught.value.code == "auth.reused"


def test_of_many_terminals_one_refreshes() -> None:
    turns = Turns()
    with scripted(turns) as server:
        login(server)
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(find().token.reveal())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == ["access-1"] * 8
    assert len(turns.asked) == 1


def test_a_lost_answer_is_asked_for_again() -> None:
    turns = Turns()
    turns.lose = 1
    with scripted(turns) as server:
        login(server)
        assert find().token == Secret("access-1")
    assert turns.asked == ["/1.0/login/refresh refresh-0"] * 2


def test_what_other_whales_have_saved_stays() -> None:
    turns = Turns()
    with scripted(turns) as server:
        made = login(server)
        with changing(environment()) as profiles:
            other = made._replace(name="other", refresh=None)
            save(Profiles("other", {**profiles.saved, "other": other}), environment())
        assert renewed(made).token == Secret("access-1")
    assert set(load(environment()).saved) == {"here", "other"}
    assert load(environment()).current == "other"


def test_who_has_logged_out_elsewhere_is_told_so() -> None:
    with scripted(Turns()) as server:
        made = login(server)
        save(Profiles("", {}), environment())
        with pytest.raises(AuthenticationError, match="not logged in any more"):
            renewed(made)


def test_a_refresh_that_fails_changes_nothing() -> None:
    with scripted(lambda peer: peer.refuse(503, "server.database", "away")) as server:
        login(server)
        with pytest.raises(WhaleError, match="away"):
            find()
    assert load(environment()).saved["here"].refresh == Secret("refresh-0")


def test_a_link_is_exchanged() -> None:
    with scripted(Turns()) as server:
        made = Profile("", Address("http", "127.0.0.1", server.port), Secret(""))
        found, who = enrolled(made, Secret("refresh-0"))
    assert (found.token, found.refresh, who) == (Secret("access-1"), Secret("refresh-1"), "alice")


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"access_token": "a b", "refresh_token": "x", "expires_in": 1}'])
def test_an_answer_that_is_not_understood(body: bytes) -> None:
    def answer(peer: Peer) -> None:
        peer.receive_request()
        peer.answer(200, body)

    with scripted(answer) as server:
        made = Profile("", Address("http", "127.0.0.1", server.port), Secret(""))
        with pytest.raises(ProtocolError):
            enrolled(made, Secret("x"))


def test_the_end_of_a_login_that_is_over_is_no_error() -> None:
    with scripted(lambda peer: peer.refuse(401, "auth.invalid", "over")) as server:
        end_login(login(server))
