import json

import click
import pytest

from tests.unit.cli.clicked import Whale
from whale.cli.context import context
from whale.client.address import Address
from whale.client.profile import Profile, Profiles, environment, load, save
from whale.model.secret import Secret


@pytest.fixture
def two(whale: Whale) -> Whale:
    saved = {n: Profile(n, Address("https", f"{n}.example", 443), Secret("whale_secret")) for n in ("alpha", "beta")}
    save(Profiles("alpha", saved), environment())
    return whale


def test_contexts_are_listed_without_their_tokens(two: Whale) -> None:
    status, out, _ = two("context", "ls")
    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "URL"],
        ["*", "alpha", "https://alpha.example"],
        ["beta", "https://beta.example"],
    ]
    assert two("context", "ls", "--format", "name").out == "alpha\nbeta\n"
    text = two("context", "ls", "--format", "json").out
    assert json.loads(text)[1] == {"name": "beta", "url": "https://beta.example", "current": False}
    assert "secret" not in out + text


def test_one_is_chosen_and_removed(two: Whale) -> None:
    assert two("context", "use", "beta") == (0, "", "")
    assert load(environment()).current == "beta"
    assert two("context", "rm", "beta") == (0, "", "")
    assert (load(environment()).current, list(load(environment()).saved)) == ("", ["alpha"])
    for verb in ("use", "rm"):
        assert two("context", verb, "beta").status == 125


def test_names_are_completed(two: Whale) -> None:
    use = context.get_command(click.Context(context), "use")
    assert use is not None
    assert [item.value for item in use.params[0].shell_complete(click.Context(use), "be")] == ["beta"]
    (two.folder / "conf" / "config.json").chmod(0o644)
    assert use.params[0].shell_complete(click.Context(use), "") == []
