from typing import Any

import pytest

from whale.access.federation.rule import Rule, choose
from whale.model.principal import Action, Scope

MAIN = "repo:acme/app:ref:refs/heads/main"
RULE = Rule("deploy", "https://ci.example", "https://whale.example", (("sub", (MAIN,)),), ("ci",), None, 900)
CLAIMS: dict[str, Any] = {"iss": "https://ci.example", "aud": "https://whale.example", "sub": MAIN, "more": "x"}


def test_the_first_rule_that_fits_counts() -> None:
    any_branch = RULE._replace(name="any", claims=(("sub", ("repo:acme/app:**",)),))
    for first, second in ((RULE, any_branch), (any_branch, RULE)):
        assert choose([first, second], CLAIMS) == (first, "")
    other = CLAIMS | {"sub": "repo:acme/app:ref:refs/heads/x"}
    assert choose([RULE, any_branch], other) == (any_branch, "")
    assert choose([], CLAIMS) == (None, "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://ci.example/"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "https://whale.example/"}, "aud"),
        ({"aud": ["https://other.example"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": {"https://whale.example": 1}}, "aud"),
        ({"aud": [["https://whale.example"]]}, "aud"),
        ({"sub": "repo:acme/app-evil:ref:refs/heads/main"}, "sub"),
        ({"sub": [MAIN]}, "sub"),
        ({"sub": {MAIN: 1}}, "sub"),
        ({"sub": None}, "sub"),
        ({"sub": 5}, "sub"),
        ({"sub": True}, "sub"),
    ],
)
def test_what_does_not_fit(change: dict[str, Any], why: str) -> None:
    assert choose([RULE, RULE._replace(name="same")], CLAIMS | change) == (None, f"deploy: {why}, same: {why}")


def test_the_audience_may_be_one_of_several() -> None:
    assert choose([RULE], CLAIMS | {"aud": ["https://other.example", "https://whale.example"]}) == (RULE, "")


def test_every_claim_has_to_fit_one_of_its_values() -> None:
    rule = RULE._replace(claims=(("environment", ("staging", "prod-*")), ("sub", (MAIN,))))
    assert choose([rule], CLAIMS | {"environment": "prod-eu"})[0] is rule
    assert choose([rule], CLAIMS | {"environment": "dev"}) == (None, "deploy: environment")
    assert choose([rule], CLAIMS) == (None, "deploy: environment")


def test_numbers_and_booleans_are_themselves_alone() -> None:
    rule = RULE._replace(claims=(("n", (1,)), ("protected", (True,))))
    assert choose([rule], CLAIMS | {"n": 1, "protected": True})[0] is rule
    for n, protected in ((True, True), (1, 1), ("1", True), (1, "true"), (1.0, True), (2, True), (1, False)):
        assert choose([rule], CLAIMS | {"n": n, "protected": protected})[0] is None


def test_any_change_makes_another_rule() -> None:
    changes: list[dict[str, Any]] = [
        {"name": "x"},
        {"issuer": "https://x.example"},
        {"audience": "x"},
        {"claims": (("sub", ("x",)),)},
        {"claims": (("sub", (MAIN, "x")),)},
        {"claims": (("sub", (1,)),)},
        {"claims": (("sub", (True,)),)},
        {"groups": ()},
        {"scope": Scope((Action.EXEC,))},
        {"lifetime": 60},
    ]
    found = {RULE.fingerprint, *(RULE._replace(**change).fingerprint for change in changes)}
    assert len(found) == len(changes) + 1
    assert RULE.fingerprint == RULE._replace().fingerprint
    assert len(RULE.fingerprint) == 64
