import json

import pytest

from tests.unit.access.oidc.lying import ISSUER, KEY, OTHER_KEY, Lying
from whale.access.oidc.failures import unavailable
from whale.access.oidc.fetch import Answer
from whale.access.oidc.keys import MAX_AGE, MAX_KEYS, REFETCH_INTERVAL, KeyRing, parse_keys
from whale.model.errors import WhaleError

URL = f"{ISSUER}/jwks"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lying() -> Lying:
    return Lying()


async def find(ring: KeyRing, kid: str | None, algorithm: str = "RS256") -> list[str | None]:
    try:
        return [key.kid for key in await ring.find(URL, algorithm=algorithm, key_id=kid)]
    except WhaleError as error:
        return [error.code]


async def test_keys_are_asked_for_once(lying: Lying) -> None:
    ring = KeyRing(lying, clock=Clock())
    assert [await find(ring, "k1") for _ in range(3)] == [["k1"]] * 3
    assert lying.asked == ["/jwks"]


async def test_a_new_key_is_found(lying: Lying) -> None:
    clock = Clock()
    ring = KeyRing(lying, clock=clock)
    await find(ring, "k1")
    lying.keys = [OTHER_KEY]
    clock.now += REFETCH_INTERVAL
    assert await find(ring, "k2") == ["k2"]
    assert await find(ring, "k1") == ["login.failed"], "the old one is gone"


async def test_unknown_keys_do_not_load_the_provider(lying: Lying) -> None:
    clock = Clock()
    ring = KeyRing(lying, clock=clock)
    for _ in range(100):
        assert await find(ring, "unknown") == ["login.failed"]
        clock.now += 0.05
    assert len(lying.asked) == 1
    clock.now += REFETCH_INTERVAL
    await find(ring, "unknown")
    assert len(lying.asked) == 2


async def test_old_keys_are_asked_for_again(lying: Lying) -> None:
    clock = Clock()
    ring = KeyRing(lying, clock=clock)
    await find(ring, "k1")
    lying.keys = []
    clock.now += MAX_AGE + 1
    assert await find(ring, "k1") == ["login.failed"]


async def test_a_provider_that_is_away(lying: Lying) -> None:
    lying.answers["/jwks"] = unavailable("away")
    assert await find(KeyRing(lying), "k1") == ["login.unavailable"]
    lying.answers["/jwks"] = Answer(404, b"")
    assert await find(KeyRing(lying), "k1") == ["login.failed"]


async def test_keys_for_other_purposes_do_not_fit(lying: Lying) -> None:
    public = KEY.as_dict(private=False)
    for change in ({"use": "enc"}, {"alg": "PS256"}, {"kid": "other"}):
        lying.keys = [public | change]
        assert await find(KeyRing(lying), "k1") == ["login.failed"]
    assert await find(KeyRing(lying), None, "ES256") == ["login.failed"]


def test_keys_of_other_kinds_are_left_out() -> None:
    public = KEY.as_dict(private=False)
    entries = [public, {"kty": "oct", "k": "AAAA"}, {"kty": "XX"}, {"kty": "RSA", "n": "!"}, {}, 5, None, {"kty": "EC"}]
    assert [key.kid for key in parse_keys(json.dumps({"keys": entries}).encode())] == ["k1"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": 5}', b"[" * 100_000, b'{"keys": [' + b"{}," * MAX_KEYS + b"{}]}"],
)
def test_what_is_no_key_set(body: bytes) -> None:
    with pytest.raises(WhaleError) as caught:
        parse_keys(body)
    assert caught.value.code == "login.failed"
