"""What comes with whale is right, and means what its settings say."""

import itertools

import pytest

from tests.unit.policy.worlds import ALICE, BOB, NOW, WEB, container
from whale.model.container import Container
from whale.model.errors import ConfigError
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Principal
from whale.policy.facts import ON_RECORDINGS, ON_SESSIONS, ON_TRAIL, WITH_SPEC
from whale.policy.shipped import Sharing, made_rules, open_files, open_rules, role_files
from whale.policy.source import PolicyFile

SHARINGS: tuple[Sharing, ...] = ("own", "view", "control")
SPECS = [ExecSpec(), ExecSpec(command=("id",), user="root"), ExecSpec(privileged=True)]


SHARED = [("view", Action.VIEW), *(("control", action) for action in ON_SESSIONS)]


def expected(action: Action, spec: ExecSpec, *, is_own: bool, allow_privileged: bool, sessions: Sharing) -> bool:
    """What the settings have always meant."""
    if action in ON_RECORDINGS:
        return False
    if action in ON_SESSIONS and not is_own and (sessions, action) not in SHARED:
        return False
    return not (spec.privileged and action in WITH_SPEC) or allow_privileged


@pytest.mark.parametrize("allow_privileged", [False, True])
@pytest.mark.parametrize("sessions", SHARINGS)
def test_the_open_set_means_what_its_settings_say(sessions: Sharing, allow_privileged: bool) -> None:
    made = open_rules(allow_privileged=allow_privileged, sessions=sessions)
    for action, spec, who, owner in itertools.product(Action, SPECS, (ALICE, BOB), ("", "alice", "bob")):
        if (action not in (*ON_SESSIONS, *ON_RECORDINGS) and owner) or action in (*ON_TRAIL, Action.APPROVE):
            continue
        decision = made.decide(who, action, WEB, spec, owner=owner, now=NOW)
        is_own = owner in ("", who.name)
        assert decision.allowed is expected(
            action, spec, is_own=is_own, allow_privileged=allow_privileged, sessions=sessions
        ), decision
        assert decision.reason
        assert decision.policies
    assert not made.decide(ALICE, Action.APPROVE, WEB, SPECS[0], owner="bob", now=NOW).allowed, "nothing names it"
    assert not made.contextual - set(WITH_SPEC), "a list can be remembered"


def test_a_no_names_its_setting() -> None:
    made = open_rules()
    assert "policy.allow_privileged" in made.decide(ALICE, Action.EXEC, WEB, SPECS[2], now=NOW).reason
    assert "policy.sessions" in made.decide(ALICE, Action.VIEW, WEB, None, owner="bob", now=NOW).reason


@pytest.mark.parametrize("audit", [False, True])
def test_the_audit_trail_is_for_nobody_unless_set(audit: bool) -> None:
    decision = open_rules(audit=audit).decide(ALICE, Action.AUDIT_READ, None, None, now=NOW)
    assert (decision.allowed, decision.policies) == (audit, ("everyone",) if audit else ("no-audit",))
    assert audit or "policy.audit" in decision.reason


def member(*groups: str) -> Principal:
    return BOB._replace(groups=groups)


DEV, LIVE, TEAMS = container("d", whale_stage="dev"), container("l"), container("t", whale_access="team-x")
RIGHTS: list[tuple[tuple[str, ...], Container, str]] = [
    (
        ("admin",),
        LIVE,
        "list logs exec shell attach view kill record.read record.delete record.keep audit.read privileged",
    ),
    (("operator",), LIVE, "list logs exec shell attach view kill"),
    (("developer",), DEV, "list logs exec shell"),
    (("developer",), LIVE, "list logs"),
    (("viewer",), DEV, "list logs"),
    (("team-x",), TEAMS, "list logs exec shell"),
    (("team-y",), TEAMS, ""),
    ((), DEV, ""),
]


@pytest.mark.parametrize(("groups", "what", "rights"), RIGHTS)
def test_roles(groups: tuple[str, ...], what: Container, rights: str) -> None:
    made = made_rules(role_files())
    found = {
        str(action)
        for action in Action
        if made.decide(member(*groups), action, what, ExecSpec(), owner="carol", now=NOW).allowed
    }
    if made.decide(member(*groups), Action.EXEC, what, ExecSpec(privileged=True), now=NOW).allowed:
        found.add("privileged")
    assert found == set(rights.split())
    own = [made.decide(member(*groups), action, what, ExecSpec(), owner="bob", now=NOW) for action in ON_SESSIONS]
    assert all(decision.allowed for decision in own)
    own = [made.decide(member(*groups), action, what, ExecSpec(), owner="bob", now=NOW) for action in ON_RECORDINGS]
    assert all(decision.allowed is ("admin" in groups) for decision in own), "nobody deletes what was seen of them"


def test_every_file_says_what_it_is_for() -> None:
    sets = [open_files(sessions=sharing) for sharing in SHARINGS]
    for file in itertools.chain(role_files(), *sets):
        assert file.text.startswith("// "), file.name
    policies = made_rules(role_files()).policies
    assert all(policy.reason and ".cedar" not in policy.id for policy in policies)


def test_wrong_files_are_refused_with_their_place() -> None:
    wrong = [PolicyFile("a.cedar", "permit("), PolicyFile("b.cedar", "\nforbid(")]
    with pytest.raises(ConfigError, match=r": a\.cedar:1: .* \(and 1 more problems\)$") as refused:
        made_rules(wrong)
    assert refused.value.path == "policy.dir"
    assert "policy check" in refused.value.hint
