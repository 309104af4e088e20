"""Every example of docs/policies.md does what its table says."""

import re
from pathlib import Path

import pytest

from tests.unit.policy.worlds import rules
from whale.model.principal import Action
from whale.policy.rules import Rules, schema_text
from whale.policy.shipped import made_rules, role_files
from whale.policy.source import PolicyFile
from whale.server.policy_table import run_table

GUIDE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^### ", GUIDE, flags=re.MULTILINE)[1:]}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def fails(made: Rules, table: str) -> list[str]:
    return run_table(made, PolicyFile("table", table)).failures


def test_there_are_ten() -> None:
    assert len(SECTIONS) >= 10


def test_every_action_and_what_it_is_on_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (`[a-z., `]+`) \| (.+?) \|", GUIDE, re.MULTILINE)
    on = {"Container": "a container", "Session": "a session", "Recording": "a recording", "Trail": "the audit trail"}
    listed = {name: kind for names, kind in rows for name in re.findall(r"[a-z.]+", names)}
    applies = re.findall(r"^action (.+?) appliesTo .*?resource: (\w+)", schema_text(), re.MULTILINE)
    schema = {name: on[kind] for names, kind in applies for name in re.findall(r"[a-z.]+", names)}
    assert {name: kind for name, kind in listed.items() if kind in on.values()} == schema
    assert schema.keys() == {action.value for action in Action}


def test_all_of_a_context_is_in_the_reference() -> None:
    [run] = re.findall(r"^type Run = \{(.*?)^\};", schema_text(), re.MULTILINE | re.DOTALL)
    for name in re.findall(r"^  (\w+)\??:", run, re.MULTILINE):
        assert f"`context.{name}`" in GUIDE, name


@pytest.mark.parametrize("title", SECTIONS)
def test_an_example_does_what_it_says(title: str) -> None:
    [policies], [table] = (blocks(SECTIONS[title], language) for language in ("cedar", "toml"))
    assert fails(rules(policies), table) == []
    decisions = set(re.findall(r'^decision = "(.*)"$', table, re.MULTILINE))
    assert decisions >= {"allow", "deny"}, "an example shows both"


@pytest.mark.parametrize("title", SECTIONS)
def test_an_example_needs_each_of_its_policies(title: str) -> None:
    [policies], [table] = (blocks(SECTIONS[title], language) for language in ("cedar", "toml"))
    made = rules(policies)
    for left_out in made.policies:
        others = Rules([policy for policy in made.policies if policy is not left_out])
        assert fails(others, table), f"nothing shows what {left_out.id} is for"


def test_the_form_of_a_table_is_shown_as_it_is() -> None:
    [form] = [block for block in blocks(GUIDE, "") if block.startswith("[people]")]
    assert fails(made_rules(role_files()), form) == []


def test_all_that_the_schema_has_is_explained() -> None:
    actions = re.findall(r"^action ([a-z., \"]+) appliesTo", schema_text(), re.MULTILINE)
    attributes = re.findall(r"^  ([a-z_]+)\??: ", schema_text(), re.MULTILINE)
    for name in [*attributes, *(name.strip('"') for names in actions for name in names.split(", "))]:
        assert re.search(rf"[`.]{name}\b", GUIDE), name


def test_the_policy_of_the_recordings_page_records() -> None:
    [policy] = blocks((Path(__file__).parents[2] / "docs" / "recordings.md").read_text(), "cedar")
    [made] = rules(policy).policies
    assert (made.recording.mode, made.recording.failure) == ("echoed", "end")
