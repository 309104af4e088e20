"""With a scope never more than without, whatever the policies say: in decisions, in lists, and for what lives."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.worlds import ALICE, NOW, container, rules
from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Need, Scope
from whale.model.scope import covers, parse_scope
from whale.policy.live import LivePolicy
from whale.policy.rules import Rules

HEADS = ["principal", 'principal == Machine::"alice"', 'principal in Group::"team-x"', 'principal in Group::"none"']
ABOUT = ["action", *(f'action == Action::"{action}"' for action in Action)]
WHEN = ["", ' when { resource is Container && resource.name == "web" }', ' unless { context.reason == "" }']
CONTAINERS = [container("web", app="web"), container("db", app="web", stage="live"), container("idle")]
WRITTEN = ["web", "db", "label:app=web", "label:stage=live", "label:none=x"]


@st.composite
def policy_sets(draw: st.DrawFn) -> Rules:
    found = []
    for number in range(draw(st.integers(0, 5))):
        effect = draw(st.sampled_from(["permit", "permit", "permit", "forbid"]))
        about = draw(st.sampled_from(ABOUT))
        who = draw(st.sampled_from(HEADS[1:] if "approve" in about else HEADS))
        when = draw(st.sampled_from(WHEN if "audit" not in about else WHEN[:1]))
        needs = '@needs("approval") ' if effect == "permit" and about.endswith(('"exec"', '"shell"')) else ""
        needs = draw(st.sampled_from(["", needs]))
        found.append(f'@id("p{number}") {needs}{effect}({who}, {about}, resource){when};')
    return rules("\n".join(found))


SCOPES = st.builds(
    parse_scope,
    st.lists(st.sampled_from([action.value for action in Action if action is not Action.AUDIT_READ]), max_size=3),
    st.lists(st.sampled_from(WRITTEN), max_size=3),
)


class Asked(NamedTuple):
    action: Action
    about: Container
    owner: str
    purpose: str


ASKED = st.builds(
    Asked,
    st.sampled_from(list(Action)),
    st.sampled_from(CONTAINERS),
    st.sampled_from(["", "alice", "bob"]),
    st.sampled_from(["", "x"]),
)


@given(policy_sets(), SCOPES, ASKED)
def test_a_scope_only_takes_away(made: Rules, scope: Scope | None, asked: Asked) -> None:
    wide = ALICE._replace(purpose=asked.purpose)
    narrow = wide._replace(scope=scope)
    live = LivePolicy(made, clock=lambda: NOW)
    before, after = (
        live.decide(who, asked.action, asked.about, ExecSpec(), owner=asked.owner) for who in (wide, narrow)
    )
    inside = covers(scope, asked.action, asked.about, is_own=asked.owner in ("", "alice"))
    assert after.allowed is (before.allowed and inside)
    assert after.need is (before.need if inside else Need.NOTHING)
    for container_, seen, still_seen in zip(
        CONTAINERS, live.may_list(wide, CONTAINERS), live.may_list(narrow, CONTAINERS), strict=True
    ):
        assert still_seen is (seen and covers(scope, Action.LIST, container_, is_own=False))
        assert live.decide(narrow, Action.LIST, container_, None).allowed is still_seen


@given(policy_sets(), ASKED)
def test_a_scope_of_everything_takes_nothing_away(made: Rules, asked: Asked) -> None:
    every = parse_scope([action.value for action in Action], [])
    decided = [
        made.decide(who, asked.action, asked.about, ExecSpec(), owner=asked.owner, now=NOW)._replace(principal=ALICE)
        for who in (ALICE, ALICE._replace(scope=every))
    ]
    assert decided[0] == decided[1]
