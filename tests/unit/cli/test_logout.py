import time

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, ScriptedServer, scripted
from whale.cli.logout import forget
from whale.client.address import Address
from whale.client.profile import Profile, Profiles, environment, load, save
from whale.model.errors import UsageError
from whale.model.secret import Secret


def login_at(server: ScriptedServer) -> Profile:
    address = Address("http", "127.0.0.1", server.port)
    return Profile("a", address, Secret("whale_x"), refresh=Secret("whale_refresh"), expires=time.time() + 900)


def profile(name: str) -> Profile:
    return Profile(name, Address("https", f"{name}.example", 443), Secret("whale_x"))


@pytest.fixture
def two(whale: Whale) -> Whale:
    save(Profiles("a", {"a": profile("a"), "b": profile("b")}), environment())
    return whale


def test_without_a_name_the_current_one_is_forgotten(two: Whale) -> None:
    status, out, err = two("logout")
    assert (status, out) == (0, "")
    assert "revoked" in err
    assert load(environment()) == Profiles("", {"b": profile("b")})
    status, _, err = two("logout")
    assert status == 125
    assert "no current context" in err


def test_another_one_by_its_name(two: Whale) -> None:
    assert two("logout", "b").status == 0
    assert load(environment()) == Profiles("a", {"a": profile("a")})


def test_one_that_is_not_there(two: Whale) -> None:
    assert two("logout", "c").status == 125
    with pytest.raises(UsageError):
        forget("c")


def test_a_login_is_ended_at_the_server(whale: Whale) -> None:
    asked: list[tuple[str, str]] = []

    def answer(peer: Peer) -> None:
        request = peer.receive_request()
        asked.append((request.path, request.headers["Authorization"]))
        peer.answer(204, b"")

    with scripted(answer) as server:
        save(Profiles("a", {"a": login_at(server)}), environment())
        status, _, err = whale("logout")
    assert (status, err) == (0, "logged out of a\n")
    assert asked == [("/1.0/login/logout", "Bearer whale_refresh")]
    assert load(environment()) == Profiles("", {})


def test_one_that_the_server_does_not_know_any_more_is_forgotten(whale: Whale) -> None:
    with scripted(lambda peer: peer.refuse(401, "auth.invalid", "the token was revoked")) as server:
        save(Profiles("a", {"a": login_at(server)}), environment())
        assert whale("logout").status == 0
    assert load(environment()).saved == {}


def test_one_whose_server_is_away_stays(whale: Whale) -> None:
    with scripted(lambda peer: None) as server:
        save(Profiles("a", {"a": login_at(server)}), environment())
    assert whale("logout").status == 125
    assert list(load(environment()).saved) == ["a"]
