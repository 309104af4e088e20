"""A no says what a yes would need."""

from tests.unit.policy.worlds import ALICE, BOB, NOW, WEB, rules
from whale.model.exec import ExecSpec
from whale.model.principal import Action
from whale.policy.missing import MAX_LINES, missing

RULES = rules(
    """
    @id("dev") permit(principal in Group::"developer", action == Action::"shell", resource);
    @id("carol") permit(principal == Machine::"carol", action, resource);
    @id("named") @reason("only db")
    permit(principal, action == Action::"shell", resource is Container) when { resource.name == "db" };
    @id("logs") permit(principal, action == Action::"logs", resource);
    @id("containers") permit(principal, action, resource is Container) when { resource.name == "db" };
    @id("no-root") forbid(principal, action == Action::"shell", resource) when { context.user == "root" };
    """
)


def lines(who: object = BOB, action: Action = Action.SHELL, user: str = "app") -> tuple[str, ...]:
    assert isinstance(who, type(BOB))
    return missing(RULES, RULES.decide(who, action, WEB, ExecSpec(user=user), now=NOW))


def test_says_for_each_policy_what_was_not_so() -> None:
    assert lines() == (
        "dev permits it to the group developer, which bob is not in",
        "carol permits it to carol alone",
        "named permits it under conditions that are not met: only db",
        "containers permits it under conditions that are not met",
    )
    assert lines(action=Action.KILL) == ("carol permits it to carol alone",)


def test_what_is_forbidden_is_said_alone() -> None:
    assert lines(ALICE, user="") == ("no-root forbids it, whatever is permitted",)


def test_nothing_is_missing_for_a_yes() -> None:
    assert lines(ALICE) == ()


def test_nobody_may() -> None:
    none = rules('permit(principal, action == Action::"logs", resource);')
    assert missing(none, none.decide(BOB, Action.LIST, WEB, None, now=NOW)) == ("no policy permits list to anybody",)


def test_what_permits_something_else_with_containers_is_none_for_recordings() -> None:
    made = rules("""
        @id("containers") permit(principal, action, resource is Container) when { resource.name == "db" };
        @id("sessions") permit(principal, action, resource is Session) when { resource in principal };
        @id("recordings") permit(principal in Group::"auditor", action, resource is Recording);
    """)
    denied = made.decide(BOB, Action.RECORD_READ, WEB, None, owner="bob", now=NOW)
    assert missing(made, denied) == ("recordings permits it to the group auditor, which bob is not in",)


def test_is_short() -> None:
    many = rules("\n".join(f'permit(principal in Group::"g{n}", action, resource);' for n in range(100)))
    assert len(missing(many, many.decide(BOB, Action.LIST, WEB, None, now=NOW))) == MAX_LINES


def test_a_reason_is_said_when_it_is_all() -> None:
    made = rules('permit(principal, action == Action::"shell", resource) when { context.reason != "" };')
    assert missing(made, made.decide(BOB, Action.SHELL, WEB, ExecSpec(), now=NOW)) == ("a reason, given with --reason",)


def test_an_approval_is_said_when_it_is_all() -> None:
    made = rules('@needs("approval") permit(principal, action == Action::"shell", resource);')
    [line] = missing(made, made.decide(BOB, Action.SHELL, WEB, ExecSpec(), now=NOW))
    assert line.startswith("the approval of somebody else")
