"""What one person asks and another one allows: exactly one request, for a time."""

import hashlib
import json
from typing import NamedTuple

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.limits import APPROVAL_TIME, APPROVAL_WAIT
from whale.model.principal import Action, Principal


class ApprovalTimes(NamedTuple):
    """In seconds: how long a request waits, and how long it is allowed for when nobody says for how long."""

    wait: float = APPROVAL_WAIT
    time: float = APPROVAL_TIME


class Approval(NamedTuple):
    """A request that waits for somebody, or that somebody has allowed. Times are Unix seconds."""

    id: str
    asker: str
    """The name of the principal who asks."""
    action: Action
    container_id: ContainerId
    container: str
    """The container's name, as it was then."""
    digest: str
    """What exactly is asked for, in hexadecimal: see `digest_request`."""
    asked: int
    until: int
    """When it ends: to wait, or to be allowed."""
    approver: str = ""
    """Who has allowed it; empty while it waits."""
    command: tuple[str, ...] = ()
    """Masked, as all that is shown and stored of it."""
    user: str = ""
    workdir: str = ""
    env: tuple[str, ...] = ()
    """Names and masked values."""
    tty: bool = False
    privileged: bool = False
    purpose: str = ""

    @property
    def is_running(self) -> bool:
        """True when somebody has allowed it."""
        return bool(self.approver)


def shown_spec(approval: Approval) -> ExecSpec:
    """What is known of the command where only the approval is left."""
    env = tuple((name, value) for name, _, value in (each.partition("=") for each in approval.env))
    return ExecSpec(
        command=approval.command,
        tty=approval.tty,
        user=approval.user,
        env=env,
        workdir=approval.workdir,
        privileged=approval.privileged,
    )


def digest_request(asker: Principal, action: Action, container: Container, spec: ExecSpec) -> str:
    """Stand for a request as a whole: any other asker, reason, container, command, variable or user has another one."""
    asked = [asker.name, asker.purpose, action.value, container.engine, container.id, *spec._replace(size=None)]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=True).encode()).hexdigest()
