"""An approval is of one request and of no other."""

import pytest

from tests.unit.policy.worlds import ALICE, BOB, WEB
from whale.model.approval import Approval, digest_request, shown_spec
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.principal import Action
from whale.model.terminal import TerminalSize

SPEC = ExecSpec(("psql", "-c", "x"), env=(("A", "1"),), user="app", workdir="/srv")
DIGEST = digest_request(ALICE, Action.EXEC, WEB, SPEC)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC._replace(command=("psql", "-cx")),
        SPEC._replace(command=("psql", "-c", "x", "")),
        SPEC._replace(env=(("A", "2"),)),
        SPEC._replace(env=(("A", "1"), ("B", ""))),
        SPEC._replace(user="root"),
        SPEC._replace(workdir="/"),
        SPEC._replace(privileged=True),
        SPEC._replace(tty=True),
        SPEC._replace(stdin=True),
    ],
)
def test_whatever_else_runs_is_another_request(spec: ExecSpec) -> None:
    assert digest_request(ALICE, Action.EXEC, WEB, spec) != DIGEST


def test_another_asker_reason_action_and_container_are_others() -> None:
    assert digest_request(BOB, Action.EXEC, WEB, SPEC) != DIGEST
    assert digest_request(ALICE._replace(purpose="x"), Action.EXEC, WEB, SPEC) != DIGEST
    assert digest_request(ALICE, Action.SHELL, WEB, SPEC) != DIGEST
    assert digest_request(ALICE, Action.EXEC, WEB._replace(id=ContainerId("other")), SPEC) != DIGEST
    assert digest_request(ALICE, Action.EXEC, WEB._replace(engine="other"), SPEC) != DIGEST


def test_the_size_of_the_terminal_and_the_name_of_the_container_do_not_matter() -> None:
    sized = SPEC._replace(size=TerminalSize(cols=80, rows=24))
    assert digest_request(ALICE, Action.EXEC, WEB._replace(name="renamed"), sized) == DIGEST


def test_what_is_shown_can_be_decided_about() -> None:
    approval = Approval(
        "a", "alice", Action.EXEC, WEB.id, "web", DIGEST, 1, 2, command=("ls",), env=("A=1", "B=x=y"), user="app"
    )
    assert not approval.is_running
    assert approval._replace(approver="bob").is_running
    assert shown_spec(approval) == ExecSpec(("ls",), env=(("A", "1"), ("B", "x=y")), user="app")
