"""Every policy has an id, and a broken one its file and line."""

import pytest

from tests.unit.policy.worlds import problems, rules
from whale.model.principal import Action
from whale.policy import parsed
from whale.policy.parsed import Problem

ALL = "permit(principal, action, resource);"


def test_ids_are_given_or_places() -> None:
    assert [policy.id for policy in rules(ALL * 3).policies] == ["test.cedar:1", "test.cedar:1/2", "test.cedar:1/3"]
    made = rules(f'{ALL}\n@id("team/x-1")\n@reason("because\x1b[2J")\n{ALL.replace("permit", "forbid")}').policies
    assert [policy.id for policy in made] == ["test.cedar:1", "team/x-1"]
    assert [policy.effect for policy in made] == ["permit", "forbid"]
    assert [policy.reason for policy in made] == ["", "because\\x1b[2J"]
    assert [policy.line for policy in made] == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ALL}\n\npermit(principal, action, resource) when {{", "a.cedar:3: unexpected end of input"),
        (f'{ALL}\npermit(principal in Grou::"x", action, resource);', "a.cedar:2: unrecognized entity type `Grou`"),
        ('permit(principal, action == Action::"lst", resource);', 'a.cedar:1: unrecognized action `Action::"lst"`'),
        (
            'permit(principal, action == Action::"list", resource)\nwhen { resource.nam == "x" };',
            "a.cedar:1: attribute `nam` on entity type `Container` not found",
        ),
        (
            'permit(principal, action == Action::"list", resource) when { context.user == "x" };',
            "a.cedar:1: attribute `user` in context for Action::\"list\" not found",
        ),
        ("permit(principal == ?principal, action, resource);", "a.cedar:1: is a template; whale has nobody to fill in"),
        (f'@id("a b")\n{ALL}', "a.cedar:1: its @id is not a word"),
        (f'@ID("a")\n{ALL}', "a.cedar:1: @ID is not known; there are @id, @reason, @description"),
        (f'@id("a")\n{ALL}\n@id("a")\n{ALL}', "a.cedar:3: its id is also that of a.cedar:1"),
        ("hello\x1b", "a.cedar:1: "),
        (";", "a.cedar:1: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, expected: str) -> None:
    found = problems(text)
    assert found
    assert found[0].startswith(expected)
    assert all(line.isprintable() for line in found)


def test_all_that_is_wrong_is_said() -> None:
    found = problems(ALL, "permit(", "forbid(principal, action, resource) when { 1 };")
    assert [line.partition(": ")[0] for line in found] == ["b.cedar:1", "c.cedar:1"]


def condition(text: str) -> str:
    return f"permit(principal, action, resource) when {{ {text} }};"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(" * 20_000 + "true" + ")" * 20_000, "brackets"),
        ("[" * 20_000 + "1" + "]" * 20_000 + " == [1]", "brackets"),
        ("{a: " * 20_000 + "1" + "}" * 20_000 + " == 1", "brackets"),
        ("true && " * 20_000 + "true", "operators"),
        ("1 + " * 20_000 + "1 == 1", "operators"),
        ("resource" + ".name" * 20_000, "operators"),
        ("if true then true else " * 20_000 + "true", "operators"),
    ],
)
def test_what_would_end_the_process_is_refused(text: str, problem: str) -> None:
    (found,) = problems(condition(text))
    assert problem in found


@pytest.mark.parametrize(
    "text",
    [
        "(" * 36 + "true" + ")" * 36,
        "true || " * 400 + "true",
        "[" + '"a",' * 5000 + '"b"].contains("c")',
        '"' + "(" * 5000 + "&" * 5000 + '" == "x"',
        "// " + "(" * 5000 + "\n true",
    ],
)
def test_what_is_large_and_not_deep_is_fine(text: str) -> None:
    assert problems(condition(text)) == []


def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "MAX_POLICIES", 2)
    assert problems(f"{ALL}\n{ALL}\n{ALL}") == ["a.cedar:3: there are too many policies"]
    assert str(Problem("a.cedar", 0, "x")) == "a.cedar: x"


def test_knows_what_a_head_rules_out() -> None:
    heads = [
        "principal, action, resource",
        'principal in Group::"a", action == Action::"list", resource',
        'principal is User in Group::"a", action in [Action::"list", Action::"logs"], resource',
        'principal == Machine::"a", action in Action::"logs", resource',
    ]
    made = rules("\n".join(f"permit({head});" for head in heads)).policies
    assert [policy.group for policy in made] == ["", "a", "a", ""]
    assert [policy.concerns(Action.LIST) for policy in made] == [True, True, True, False]
    assert [policy.concerns(Action.LOGS) for policy in made] == [True, False, True, True]
    assert [policy.mentions("Group") for policy in made] == [False, True, True, False]


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ('@needs("luck") permit(principal, action == Action::"exec", resource);', "@needs can be"),
        ('@needs("approval") forbid(principal, action == Action::"exec", resource);', "is for a permit"),
        ('@needs("approval") permit(principal, action, resource);', "exec or shell"),
        ('@needs("approval") permit(principal, action == Action::"logs", resource);', "exec or shell"),
        (
            '@needs("approval") permit(principal, action in [Action::"exec", Action::"kill"], resource);',
            "exec or shell",
        ),
        ('permit(principal, action == Action::"approve", resource);', "says to whom"),
        ('permit(principal, action in [Action::"list", Action::"approve"], resource);', "says to whom"),
    ],
)
def test_approvals_are_asked_for_and_given_where_that_makes_sense(policy: str, problem: str) -> None:
    [found] = problems(policy)
    assert problem in found


ON_EXEC = 'permit(principal, action == Action::"exec", resource);'


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (f'@record("some") {ON_EXEC}', "@record can be all, echoed, output"),
        (f'@record("") {ON_EXEC}', "@record can be all, echoed, output"),
        (f"@record {ON_EXEC}", "@record can be all, echoed, output"),
        (f'@record("all") @unrecorded("") {ON_EXEC}', "@unrecorded can be alarm, end, hold"),
        (f'@unrecorded("alarm") {ON_EXEC}', "@unrecorded says what happens without"),
        (f'@record("all") {ON_EXEC.replace("permit", "forbid")}', "is for a permit"),
        (f'@record("all") {ON_EXEC.replace("exec", "logs")}', "permits neither"),
    ],
)
def test_recordings_are_asked_for_where_that_makes_sense(policy: str, problem: str) -> None:
    [found] = problems(policy)
    assert problem in found


def test_knows_what_is_to_be_recorded() -> None:
    made = rules(f"""
        {ON_EXEC}
        @record("output") {ON_EXEC}
        @record("all") @unrecorded("alarm") {ALL}
    """).policies
    assert [policy.recording for policy in made] == [
        ("", "end"),
        ("output", "end"),
        ("all", "alarm"),
    ]


def test_who_may_approve_can_be_said_in_each_way() -> None:
    for who in (
        'principal == Machine::"x"',
        'principal in Group::"x"',
        "principal is User",
        'principal is Machine in Group::"x"',
    ):
        assert problems(f'permit({who}, action == Action::"approve", resource);') == []
    assert problems('forbid(principal, action == Action::"approve", resource);') == []
