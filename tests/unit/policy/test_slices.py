"""Whatever is left out of a question, its answer is the one that Cedar gives to all of it."""

import json
from collections.abc import Sequence

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.test_rules import PEOPLE, PERMITS, SHELL, THINGS, decide
from tests.unit.policy.worlds import ALICE, BOB, NOW, container, rules
from whale.model.container import Container
from whale.model.principal import Action, Principal
from whale.policy import slices
from whale.policy.rules import Rules, ask
from whale.policy.slices import PolicySlices

POLICIES = st.lists(
    st.one_of(
        PERMITS,
        PERMITS.map(lambda text: text.replace("permit", "forbid")),
        PERMITS.map(lambda text: text.replace("when", "unless")),
        st.just('permit(principal, action, resource is Container) when { resource.access.contains(Group::"a") };'),
        st.just('@id("x") @reason("\\"") permit(principal is Machine, action, resource is Container);'),
    ),
    max_size=12,
)


def plain_answers(texts: Sequence[str], who: Principal, action: Action, things: Sequence[Container]) -> list[bool]:
    """What Cedar says to the policies as they are written, and to everything that is known."""
    policies = "\n".join(text.replace('@id("x") ', "") for text in texts)
    questions = [ask(who, action, thing, SHELL if action is Action.SHELL else None, now=NOW) for thing in things]
    return [
        cedarpy.is_authorized(each.request, policies, json.dumps(each.entities)).allowed if texts else False
        for each in questions
    ]


def answers(made: Rules, who: Principal, action: Action, things: Sequence[Container]) -> list[bool]:
    if action is Action.LIST:
        return made.may_list(who, things, now=NOW)
    return [made.decide(who, action, thing, SHELL, now=NOW).allowed for thing in things]


@pytest.mark.parametrize("repeats", [0, 10**9])
@pytest.mark.parametrize("action", [Action.SHELL, Action.LIST])
@given(POLICIES, PEOPLE)
def test_no_answer_is_another_one(action: Action, repeats: int, texts: list[str], who: Principal) -> None:
    texts = list(dict.fromkeys(texts))
    made = rules("\n".join(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_REPEATS", repeats)
        assert answers(made, who, action, THINGS) == plain_answers(texts, who, action, THINGS)


def test_the_policies_of_an_answer_are_the_same_ones() -> None:
    text = "\n".join(f'@id("p{n}") permit(principal in Group::"{g}", action, resource);' for n, g in enumerate("abca"))
    whole, sliced = rules(text), rules(text)
    who = ALICE._replace(groups=("a", "c"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_REPEATS", 0)
        expected = decide(whole, who)
        patch.setattr(slices, "_REPEATS", 10**9)
        assert decide(sliced, who) == expected
    assert expected.policies == ("p0", "p2", "p3")
    assert (len(whole._slices), len(sliced._slices)) == (0, 1)


def test_who_is_in_every_group_gains_too_and_not_at_once() -> None:
    text = "\n".join(
        f'permit(principal in Group::"{n % 30}", action == Action::"shell", resource);' for n in range(300)
    )
    made = rules(text)
    who = ALICE._replace(groups=tuple(map(str, range(30))))
    for number in range(20):
        assert len(made._slices) == (number >= 7)
        assert decide(made, who).allowed
    assert made._slices.choose(who, Action.SHELL, questions=1).about(who, THINGS).groups == ()


def test_groups_that_a_condition_or_a_container_names_are_kept() -> None:
    def seen(text: str) -> tuple[str, ...]:
        made = PolicySlices(rules(text).policies)
        return made.whole(Action.SHELL).about(ALICE, [container(whale_access="team-x,team-y")]).groups

    assert seen("permit(principal, action, resource);") == ("team-x",)
    assert seen("permit(principal, action, resource is Container) when { principal in resource.access };") == (
        "team-x",
    )
    for text in (
        'permit(principal in Group::"developer", action, resource);',
        'permit(principal, action, resource) when { principal in Group::"developer" };',
        'forbid(principal, action, resource) unless { principal in [Group::"developer"] };',
    ):
        assert seen(text) == ("developer", "team-x")


def test_a_group_that_is_no_unicode_is_the_one_that_cedar_sees() -> None:
    made = rules("permit(principal, action, resource is Container) when { principal in resource.access };")
    who = BOB._replace(groups=("\udc80",))
    assert made.decide(who, Action.SHELL, container(whale_access="\udc80"), SHELL, now=NOW).allowed


@pytest.mark.parametrize("repeats", [0, 10**9])
def test_a_policy_that_is_too_deep_for_json_decides_as_it_is_written(
    repeats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "_REPEATS", repeats)
    for links in (60, 300):
        chain = " || ".join(['resource.name == "x"'] * links)
        made = rules(
            'permit(principal in Group::"developer", action, resource is Container)'
            f' when {{ {chain} || resource.id like "id-*" }};'
            'permit(principal in Group::"other", action, resource);'
        )
        assert decide(made, ALICE).allowed
        assert not decide(made, BOB).allowed


def test_keeps_few_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_SLICES", 2)
    made = rules("\n".join(f'permit(principal in Group::"{n}", action, resource);' for n in range(30)))
    for number in range(5):
        who = BOB._replace(groups=(str(number), "other"))
        assert decide(made, who).policies == (f"test.cedar:{number + 1}",)
        assert decide(made, who).allowed
    assert len(made._slices) == 2
    assert decide(made, BOB).allowed is False


def test_counts_few_of_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_SLICES", 2)
    monkeypatch.setattr(slices, "_REPEATS", 0)
    made = rules("\n".join(f'permit(principal in Group::"{n}", action, resource);' for n in range(9)))
    for number in range(5):
        decide(made, BOB._replace(groups=(str(number),)))
    assert len(made._slices._asked) == 2
