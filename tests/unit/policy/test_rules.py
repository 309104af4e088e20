"""Deny by default, forbid beats permit, and every answer says why."""

import re

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.worlds import ALICE, BOB, NOW, WEB, container, rules
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Need, Principal
from whale.model.recording import NOT_RECORDED
from whale.policy import rules as rules_module
from whale.policy.rules import Rules, schema, schema_text

SHELL = ExecSpec(tty=True, stdin=True)


def decide(
    made: Rules, who: Principal = ALICE, action: Action = Action.SHELL, spec: ExecSpec = SHELL, *, owner: str = ""
) -> Decision:
    return made.decide(who, action, WEB, spec, owner=owner, now=NOW)


def test_the_schema_knows_exactly_the_actions_of_the_product() -> None:
    named = re.findall(r'^action ([a-z., "]+) appliesTo', schema_text(), re.MULTILINE)
    assert sorted(name.strip('"') for names in named for name in names.split(", ")) == sorted(Action)
    for action in Action:
        policy = f'permit(principal, action == Action::"{action}", resource);'
        assert cedarpy.validate_policies(policy, schema()).validation_passed


def test_nothing_is_allowed_without_a_policy() -> None:
    decision = decide(Rules([]))
    assert decision == Decision(False, Action.SHELL, ALICE, "the server has no policies, so nothing is allowed", ())
    assert Rules([]).is_empty
    assert Rules([]).may_list(ALICE, [WEB], now=NOW) == [False]
    assert Rules([]).may_list(ALICE, [], now=NOW) == []


def test_an_answer_names_its_policies() -> None:
    made = rules(
        """
        @id("developers") permit(principal in Group::"developer", action, resource);
        @id("x") permit(principal in Group::"team-x", action == Action::"shell", resource);
        @id("no-root") @reason("nobody is root here")
        forbid(principal, action in [Action::"shell", Action::"attach"], resource) when { context.user == "root" };
        """
    )
    app = SHELL._replace(user="app")
    assert decide(made, spec=app) == Decision(
        True, Action.SHELL, ALICE, "allowed by developers, x", ("developers", "x")
    )
    assert decide(made)[3:5] == ("nobody is root here", ("no-root",))
    assert not decide(made, action=Action.ATTACH).allowed, "typing into a root shell is being root"
    assert decide(made, BOB, spec=app)[3:5] == ("no policy allows you to shell here", ())
    assert decide(rules("forbid(principal, action, resource);"))[3] == "forbidden by test.cedar:1"


def test_sessions_belong_to_who_began_them() -> None:
    made = rules("permit(principal, action, resource is Session) when { resource in principal };")
    for action in (Action.ATTACH, Action.VIEW, Action.KILL):
        assert decide(made, action=action, owner="alice").allowed
        assert decide(made, action=action).allowed
        assert not decide(made, action=action, owner="bob").allowed


def test_the_trail_is_no_container() -> None:
    made = rules(
        """
        @id("containers") permit(principal, action, resource is Container);
        @id("auditors") permit(principal in Group::"team-x", action == Action::"audit.read", resource is Trail);
        """
    )
    assert made.decide(ALICE, Action.AUDIT_READ, None, None, now=NOW)[3:5] == ("allowed by auditors", ("auditors",))
    assert not made.decide(BOB, Action.AUDIT_READ, None, None, now=NOW).allowed
    assert not made.decide(BOB, Action.AUDIT_READ, WEB, None, now=NOW).allowed


def test_without_a_container_only_the_trail_is_decided_about() -> None:
    made = rules("permit(principal, action, resource);")
    for action in Action:
        decision = made.decide(ALICE, action, None, None, now=NOW)
        assert decision.allowed is (action is Action.AUDIT_READ)
        assert decision.reason


def test_lists_what_the_labels_share() -> None:
    made = rules('permit(principal, action == Action::"list", resource) when { principal in resource.access };')
    several = [container("a", whale_access="team-x"), container("b", whale_access="team-y"), container("c")] * 50
    assert made.may_list(ALICE, several, now=NOW) == [True, False, False] * 50
    assert made.contextual == set()
    assert made.may_list(BOB, several, now=NOW) == [False] * 150


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ('context.time < datetime("2027-01-15T08:00:01Z")', True),
        ('context.time < datetime("2027-01-15T08:00:00Z")', False),
        ('context has source && context.source.isInRange(ip("192.0.2.0/24"))', True),
        ('context has source && context.source.isInRange(ip("10.0.0.0/8"))', False),
    ],
)
def test_knows_time_and_place(condition: str, allowed: bool) -> None:
    made = rules(f"permit(principal, action, resource) when {{ {condition} }};")
    assert decide(made).allowed is allowed
    assert made.contextual == set(Action) - {Action.APPROVE}
    assert made.uses_time is ("time" in condition)


OVERFLOW = "9223372036854775807 + 1 > 0"


def test_what_fails_never_allows_more() -> None:
    permit = "permit(principal, action, resource);"
    assert decide(rules(f"{permit} permit(principal, action, resource) when {{ {OVERFLOW} }};")).allowed
    failed = decide(rules(f"{permit} forbid(principal, action, resource) when {{ {OVERFLOW} }};"))
    assert failed[3:5] == ("a policy that forbids could not be evaluated", ())


def test_what_can_not_be_decided_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rules("permit(principal, action, resource);")
    monkeypatch.setattr(rules_module, "_entities", lambda questions: [{"uid": "nonsense"}])
    assert decide(made).reason == "the policies could not be evaluated"
    assert made.may_list(ALICE, [WEB], now=NOW) == [False]
    monkeypatch.setattr(rules_module, "_entities", lambda questions: 1 / 0)
    assert decide(made).reason == "the policies could not be evaluated"


GROUPS = ("a", "b", "c")
PERMITS = st.builds(
    "permit({}, {}, {}) when {{ {} }};".format,
    st.sampled_from(
        ["principal", *(f'principal in Group::"{g}"' for g in GROUPS), 'principal is Machine in Group::"a"']
    ),
    st.sampled_from(["action", 'action == Action::"shell"', 'action in [Action::"list", Action::"shell"]']),
    st.sampled_from(["resource is Container", 'resource == Container::"id-web"']),
    st.sampled_from(
        [
            "true",
            "principal in resource.access",
            'resource.name == "web"',
            'principal in Group::"b"',
            'resource.name != "x"',
        ]
    ),
)
PEOPLE = st.builds(lambda groups: ALICE._replace(groups=tuple(groups)), st.sets(st.sampled_from(GROUPS)))
THINGS = [container(whale_access="a"), container("db", whale_access="b,c"), container("x")]


def allowed(made: Rules, who: Principal) -> list[bool]:
    each = [made.decide(who, Action.SHELL, thing, SHELL, now=NOW).allowed for thing in THINGS]
    return each + made.may_list(who, THINGS, now=NOW)


@given(st.lists(PERMITS, max_size=8), PEOPLE, st.data())
def test_taking_a_permit_or_a_group_away_never_allows_more(
    texts: list[str], who: Principal, data: st.DataObject
) -> None:
    whole = allowed(rules("\n".join(texts)), who)
    if texts:
        less = list(texts)
        less.pop(data.draw(st.integers(0, len(texts) - 1)))
        assert all(
            before or not after for before, after in zip(whole, allowed(rules("\n".join(less)), who), strict=True)
        )
    for group in who.groups:
        poorer = who._replace(groups=tuple(each for each in who.groups if each != group))
        after = allowed(rules("\n".join(texts)), poorer)
        assert all(before or not now for before, now in zip(whole, after, strict=True))


ON_CALL = """
@id("on-call") @reason("on call")
permit(principal, action == Action::"shell", resource) when { context.reason != "" && context.user == "app" };
@id("ticket") @reason("name a ticket")
forbid(principal, action == Action::"shell", resource) when { context.reason like "*test*" };
"""


def test_a_reason_can_be_asked_for_and_a_no_says_when_that_is_all() -> None:
    made = rules(ON_CALL)
    app, said = SHELL._replace(user="app"), ALICE._replace(purpose="ticket 42")
    assert decide(made, said, spec=app).allowed
    missing = decide(made, spec=app)
    assert missing == Decision(False, Action.SHELL, ALICE, "a reason is needed: --reason", need=Need.REASON)
    assert decide(made).need is Need.NOTHING, "a reason alone would not do"
    refused = decide(made, said._replace(purpose="a test"), spec=app)
    assert (refused.policies, refused.need) == (("ticket",), Need.NOTHING), "one was given"
    assert decide(made, said, spec=app._replace(user="root")).need is Need.NOTHING


def test_a_policy_s_own_reason_is_none() -> None:
    assert not rules('@reason("x") permit(principal, action, resource);').policies[0].reads_reason
    assert rules(ON_CALL).policies[0].reads_reason


APPROVED = """
@id("ask") @needs("approval") @reason("a lead has to allow it")
permit(principal, action in [Action::"shell", Action::"exec"], resource);
@id("app") permit(principal, action == Action::"shell", resource) when { context.user == "app" };
@id("leads") permit(principal in Group::"developer", action == Action::"approve", resource)
when { context.asker == "bob" && context.user == "root" };
@id("no-privileged") forbid(principal, action, resource)
when { context has privileged && context.privileged };
"""


def test_what_only_an_approval_permits_is_a_no_that_says_so() -> None:
    made = rules(APPROVED)
    needed = decide(made, BOB)
    assert needed == Decision(False, Action.SHELL, BOB, "a lead has to allow it", ("ask",), Need.APPROVAL)
    assert decide(made, BOB, spec=SHELL._replace(user="app")).allowed, "another policy permits it without one"
    privileged = decide(made, BOB, spec=SHELL._replace(privileged=True))
    assert (privileged.allowed, privileged.need) == (False, Need.NOTHING), "what is forbidden nobody can allow"


def test_who_may_approve_is_decided_about_what_runs_and_who_asks() -> None:
    made = rules(APPROVED)
    assert decide(made, action=Action.APPROVE, owner="bob").policies == ("leads",)
    assert not decide(made, action=Action.APPROVE, owner="carol").allowed
    assert not decide(made, BOB, action=Action.APPROVE, owner="bob").allowed
    assert not decide(made, action=Action.APPROVE, owner="bob", spec=SHELL._replace(privileged=True)).allowed


def test_nobody_approves_by_a_policy_that_does_not_name_it() -> None:
    assert not decide(rules("permit(principal, action, resource);"), action=Action.APPROVE).allowed
    named = 'permit(principal in Group::"developer", action == Action::"approve", resource);'
    assert decide(rules(named), action=Action.APPROVE).allowed
    assert not decide(rules(named + "forbid(principal, action, resource);"), action=Action.APPROVE).allowed


def test_an_approval_that_is_enough_is_said_before_a_reason_that_were_too() -> None:
    with_reason = 'permit(principal, action == Action::"shell", resource) when { context.reason != "" };'
    assert decide(rules(APPROVED + with_reason), BOB).need is Need.APPROVAL
    only_both = rules(f'@needs("approval") {with_reason}')
    assert decide(only_both, BOB).need is Need.REASON
    assert decide(only_both, BOB._replace(purpose="x")).need is Need.APPROVAL


def test_recordings_belong_to_who_began_the_session_and_are_no_sessions() -> None:
    made = rules(
        """
        @id("sessions") permit(principal, action, resource is Session) when { resource in principal };
        @id("read") permit(principal, action == Action::"record.read", resource)
        when { resource in principal && resource.container.name == "web" && resource.owner == "alice" };
        """
    )
    read = {owner: decide(made, action=Action.RECORD_READ, owner=owner).policies for owner in ("alice", "bob")}
    assert read == {"alice": ("read",), "bob": ()}
    assert not decide(made, action=Action.RECORD_DELETE, owner="alice").allowed
    assert decide(made, action=Action.KILL, owner="alice").allowed


RECORDED = """
@id("plain") permit(principal, action in [Action::"shell", Action::"attach"], resource);
@id("ask") @needs("approval") @record("output") permit(principal, action == Action::"exec", resource);
@id("x") @record("output") @unrecorded("hold")
permit(principal in Group::"team-x", action == Action::"shell", resource);
@id("dev") @record("all") @unrecorded("alarm") permit(principal in Group::"developer", action, resource);
"""


def test_who_records_most_wins_and_who_is_strictest() -> None:
    made = rules(RECORDED)
    assert decide(made, BOB).recording == NOT_RECORDED
    assert decide(made, BOB._replace(groups=("team-x",))).recording == ("output", "hold")
    assert decide(made, BOB._replace(groups=("developer",))).recording == ("all", "alarm")
    assert decide(made).recording == ("all", "hold")
    assert decide(made, action=Action.ATTACH).recording == NOT_RECORDED, "it is the session that is recorded"
    waits = decide(made, BOB, action=Action.EXEC)
    assert (waits.need, waits.recording) == (Need.APPROVAL, ("output", "end"))
    assert decide(rules(RECORDED + "forbid(principal, action, resource);")).recording == NOT_RECORDED


def test_a_permit_that_fails_still_has_its_recording() -> None:
    made = rules(
        """
        @id("plain") permit(principal, action == Action::"shell", resource);
        @record("all") permit(principal, action == Action::"shell", resource)
        when { 9223372036854775807 + (if context.user == "root" then 1 else 0) > 0 };
        """
    )
    failed = decide(made)
    assert (failed.allowed, failed.policies, failed.recording) == (True, ("plain",), ("all", "end"))
    assert decide(made, spec=SHELL._replace(user="app")).policies == ("plain", "test.cedar:3")


def test_more_permits_than_a_decision_names_all_have_a_say() -> None:
    many = "permit(principal, action, resource);\n" * (rules_module.MAX_REASONS + 1)
    made = rules(many + '@record("all") permit(principal, action, resource);')
    assert len(decide(made).policies) == rules_module.MAX_REASONS
    assert decide(made).recording.mode == "all"
