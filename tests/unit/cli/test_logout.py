import pytest

from tests.unit.cli.clicked import Whale
from whale.cli.logout import forget
from whale.client.address import Address
from whale.client.profile import Profile, Profiles, environment, load, save
from whale.model.errors import UsageError
from whale.model.secret import Secret


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
        forget(load(environment()), "c")
