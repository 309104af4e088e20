"""What events say of people, decisions, sessions, recordings and containers: masked, and always in the same words."""

from typing import Any

from whale.audit.event import Place
from whale.audit.mask import mask_command, mask_env, mask_labels, mask_text
from whale.model.approval import Approval
from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Decision, Principal
from whale.model.recordings import Recording
from whale.session.session import Session


def who(principal: Principal) -> dict[str, Any]:
    """Who asked, and why."""
    purpose = mask_text(principal.purpose) if principal.purpose else ""  # nearly always none, and masking costs
    return {"principal": principal.name, "token": principal.token_id, "purpose": purpose}


def decided(decision: Decision) -> dict[str, Any]:
    """What was decided, and about whom."""
    return {
        **who(decision.principal),
        "action": decision.action.value,
        "reason": decision.reason,
        "policies": decision.policies,
        "approval": decision.approval,
    }


def other_owner(session: Session, principal: Principal) -> str:
    """Whose it is, where that is somebody else."""
    return session.owner if session.owner != principal.name else ""


def of_whole(recording: Recording) -> dict[str, Any]:
    """What is whole of a recording."""
    state = recording.state
    return {
        "principal": recording.principal,
        "session": recording.id,
        "container": place(recording.container),
        "hash": state.head,
        "count": state.chunks,
        "bytes_out": state.raw_bytes,
    }


def of_recording(recording: Recording, principal: Principal) -> dict[str, Any]:
    """Which recording, and whose it is where that is somebody else."""
    owner = recording.principal if recording.principal != principal.name else ""
    return {"session": recording.id, "container": place(recording.container), "owner": owner}


def of_session(session: Session) -> dict[str, Any]:
    """Which session."""
    return {"session": session.id, "name": session.name, "container": place(session.container)}


def asked(spec: ExecSpec | None) -> dict[str, Any]:
    """What was asked for, without its secrets."""
    if spec is None:
        return {}
    return {
        "command": mask_command(spec.command),
        "env": mask_env(spec.env),
        "user": spec.user,
        "workdir": spec.workdir,
        "tty": spec.tty,
        "privileged": spec.privileged,
    }


def place(container: Container | None) -> Place | None:
    """A container as it is then, without the secrets of its image and labels."""
    if container is None:
        return None
    return Place(
        id=container.id,
        name=container.name,
        image=mask_text(container.image),
        engine=container.engine,
        labels=mask_labels(container.labels.items()),
    )


def place_of(approval: Approval) -> Place:
    """The container of a request for approval."""
    return Place(id=approval.container_id, name=approval.container)
