import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from whale.access.federation.rule import Rule
from whale.model.errors import ConfigError
from whale.model.limits import MAX_FEDERATION_RULES
from whale.model.principal import Action, Scope
from whale.server.config import load_config
from whale.server.config_federation import FederationRule, check_rules

GOOD: dict[str, Any] = {
    "name": "deploy",
    "issuer": "https://token.actions.githubusercontent.com",
    "audience": "https://whale.example.com",
    "claims": {"sub": "repo:acme/app:ref:refs/heads/main"},
}


def rule(**changes: Any) -> FederationRule:
    return FederationRule(**(GOOD | changes))


def load(text: str, tmp_path: Path) -> tuple[FederationRule, ...]:
    file = tmp_path / "whale.toml"
    file.write_text(text)
    return load_config(config_file=str(file), environ={})[0].federation


def test_a_rule_from_a_file(tmp_path: Path) -> None:
    text = """
        [[federation]]
        name = "deploy"
        issuer = "https://ci.example"
        audience = "https://whale.example.com"
        claims = { sub = ["b", "a:*"], ref_protected = true, project = 7 }
        groups = ["z", "a", "z"]
        actions = ["exec,logs"]
        containers = ["web"]
        lifetime = 60

        [[federation]]
        name = "test"
        issuer = "https://ci.example"
        audience = "whale"
        [federation.claims]
        sub = "c"
    """
    first, second = load(text, tmp_path)
    check_rules([first, second])
    claims = (("project", (7,)), ("ref_protected", (True,)), ("sub", ("b", "a:*")))
    scope = Scope((Action.EXEC, Action.LOGS), ("name:web",))
    assert first.rule == Rule(
        "deploy", "https://ci.example", "https://whale.example.com", claims, ("a", "z"), scope, 60
    )
    assert second.rule == Rule("test", "https://ci.example", "whale", (("sub", ("c",)),), (), None, 900)
    assert load("", tmp_path) == ()


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"issuer": "http://ci.example"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "https://user:pw@ci.example"}, "issuer"),
        ({"audience": ""}, "audience"),
        ({"audience": "a\nb"}, "audience"),
        ({"claims": {}}, "claims"),
        ({"claims": {"sub": "*"}}, "claims.sub"),
        ({"claims": {"sub": "****"}}, "claims.sub"),
        ({"claims": {"sub": ""}}, "claims.sub"),
        ({"claims": {"sub": ()}}, "claims.sub"),
        ({"claims": {"sub": ("a", "**")}}, "claims.sub"),
        ({"claims": {"sub": "a", "x": "*"}}, "claims.x"),
        ({"claims": {"aud": "a"}}, "claims.aud"),
        ({"claims": {"sub": "a", "iss": "a"}}, "claims.iss"),
        ({"claims": {"a\x1b": "a"}}, "claims.a\\x1b"),
        ({"groups": ("a b",)}, "groups"),
        ({"groups": tuple(f"g{number}" for number in range(101))}, "groups"),
        ({"actions": ("fly",)}, "actions, containers"),
        ({"containers": ("*",)}, "actions, containers"),
        ({"ca_file": "ca.pem"}, "ca_file"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_rules([rule(name="good"), rule(**changes)])
    assert caught.value.path == f"federation[1].{path}"
    assert "pw" not in str(caught.value)


def test_rules_do_not_get_into_each_others_way() -> None:
    check_rules([rule(), rule(name="other")])
    with pytest.raises(ConfigError) as caught:
        check_rules([rule(), rule(audience="x")])
    assert caught.value.path == "federation[1].name"
    with pytest.raises(ConfigError) as caught:
        check_rules([rule(), rule(name="other", ca_file="/ca.pem")])
    assert caught.value.path == "federation[1].ca_file"
    with pytest.raises(ConfigError) as caught:
        check_rules([rule(name=f"r{number}") for number in range(MAX_FEDERATION_RULES + 1)])
    assert caught.value.path == "federation"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour = 'red'", "federation[0]: object contains unknown field colour (file "),
        ("lifetime = 3601", "federation[0].lifetime: "),
        ("lifetime = 59", "federation[0].lifetime: "),
        ("lifetime = '15m'", "federation[0].lifetime: expected int"),
        ("groups = 'ci'", "federation[0].groups: expected array"),
        ("ca_file = '/does/not/exist'", "federation[0].ca_file: /does/not/exist can't be read"),
        ("claims = { sub = '*' }", "federation[0].claims.sub: would let anybody in"),
        ("claims = { sub = { a = 1 } }", "federation[0].claims[...]: expected "),
        ("claims = { sub = 1.5 }", "federation[0].claims[...]: expected "),
    ],
)
def test_at_the_door_it_is_said_where(line: str, message: str, tmp_path: Path) -> None:
    given = {key: json.dumps(value) for key, value in GOOD.items() if key != "claims"}
    lines = [f"{key} = {value}" for key, value in given.items()]
    claims = "" if line.startswith("claims") else 'claims = { sub = "a" }'
    with pytest.raises(ConfigError) as caught:
        load("\n".join(["[[federation]]", *lines, claims, line]), tmp_path)
    assert caught.value.message.startswith(message)
    assert f"(file {tmp_path}" in caught.value.message


def test_what_is_no_table(tmp_path: Path) -> None:
    for text in ("[federation]\nname = 'x'", "federation = 'x'", "federation = ['x']", "[[federation]]\nname = 'x'"):
        with pytest.raises(ConfigError) as caught:
            load(text, tmp_path)
        assert caught.value.message.startswith("federation")
    with pytest.raises(ConfigError) as caught:
        load_config(environ={"WHALE_SERVER_FEDERATION": "x"})
    assert "no such setting" in caught.value.message


def test_every_field_of_a_rule_is_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "config.md").read_text()
    rows = {line.split("|")[1].strip().strip("*"): line for line in page.splitlines() if line.startswith("| **")}
    hints = get_type_hints(FederationRule, include_extras=True)
    assert set(rows) == set(hints)
    for name, hint in hints.items():
        meaning = hint.__metadata__[0].description.split(". Empty")[0].rstrip(".")
        assert meaning in rows[name], name
