import base64
import json

import pytest

from tests.unit.access.federation.test_rule import RULE
from whale.access.federation.live import Claims, LiveFederation


class Nobody:
    async def proved(self, token: str, *, now: int) -> Claims:
        raise AssertionError("it was asked")


def token(body: bytes) -> str:
    return f"e30.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.x"


def test_the_issuer_that_a_token_names_is_asked() -> None:
    live, prover = LiveFederation(), Nobody()
    shown = token(json.dumps({"iss": RULE.issuer}).encode())
    assert live.prover_of(shown) is None
    live.replace([RULE], {RULE.issuer: prover})
    assert live.prover_of(shown) is prover
    assert live.fingerprints == {RULE.fingerprint}
    assert live.prover_of(token(json.dumps({"iss": RULE.issuer + "/"}).encode())) is None
    live.replace([], {})
    assert (live.prover_of(shown), live.fingerprints) == (None, frozenset())


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "x",
        "..",
        "a.b.c",
        "a.é.c",
        "a.\ud800.c",
        token(b"[]"),
        token(b"5"),
        token(b"{}"),
        token(b'{"iss": ["https://ci.example"]}'),
        token(b'{"iss": null}'),
        token(b"[" * 5000),
        token(b"\xff"),
    ],
)
def test_what_names_nobody(shown: str) -> None:
    live = LiveFederation()
    live.replace([RULE], {RULE.issuer: Nobody()})
    assert live.prover_of(shown) is None
