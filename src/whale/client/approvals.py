"""What waits for somebody's approval, and what to say about it: questions to a server."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from whale.client.http import REQUEST_TIMEOUT, ask_json, escape_segment, not_understood
from whale.client.profile import Profile


class ApprovalInfo(NamedTuple):
    """What a server says of one. Times are Unix seconds."""

    id: str
    state: str
    asker: str
    mine: bool
    action: str
    container: str
    container_id: str
    command: tuple[str, ...]
    user: str
    workdir: str
    env: tuple[str, ...]
    tty: bool
    privileged: bool
    reason: str
    asked: int
    until: int
    approver: str


def list_approvals(profile: Profile, *, timeout: float = REQUEST_TIMEOUT) -> list[ApprovalInfo]:
    """List what one may decide, and what one has asked for. Raises `WhaleError`."""
    body = ask_json(profile, "/1.0/approvals", timeout=timeout)
    try:
        return [_approval(entry) for entry in body["approvals"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def allow_approval(profile: Profile, id: str, *, seconds: int | None, reason: str = "") -> ApprovalInfo:
    """Allow what waits, for so many seconds or as long as the server says. Raises `WhaleError`."""
    query = {"reason": reason} if reason else {}
    if seconds is not None:
        query["seconds"] = str(seconds)
    body = ask_json(profile, _path(id, "allow", query), method="POST")
    try:
        return _approval(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise not_understood() from error


def deny_approval(profile: Profile, id: str, *, reason: str = "") -> None:
    """Deny what waits, or end what was allowed. Raises `WhaleError`."""
    ask_json(profile, _path(id, "deny", {"reason": reason} if reason else {}), method="POST")


def _path(id: str, verb: str, query: dict[str, str]) -> str:
    return f"/1.0/approvals/{escape_segment(id)}/{verb}" + (f"?{urlencode(query)}" if query else "")


def _approval(entry: dict[str, Any]) -> ApprovalInfo:
    container = entry["container"]
    return ApprovalInfo(
        id=str(entry["id"]),
        state=str(entry["state"]),
        asker=str(entry["asker"]),
        mine=entry["mine"] is True,
        action=str(entry["action"]),
        container=str(container["name"]),
        container_id=str(container["id"]),
        command=tuple(map(str, entry["command"])),
        user=str(entry["user"]),
        workdir=str(entry["workdir"]),
        env=tuple(map(str, entry["env"])),
        tty=entry["tty"] is True,
        privileged=entry["privileged"] is True,
        reason=str(entry["reason"]),
        asked=int(entry["asked"]),
        until=int(entry["until"]),
        approver=str(entry["approver"]),
    )
