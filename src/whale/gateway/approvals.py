"""The HTTP routes of approvals: list, allow, deny. openapi.yaml describes them."""

import msgspec
from aiohttp import web

from whale.gateway.context import CONTEXT, PRINCIPAL
from whale.gateway.errors import json_response
from whale.gateway.parameters import asker, number, only
from whale.model.approval import Approval
from whale.model.limits import MAX_APPROVAL_TIME


class ContainerBody(msgspec.Struct):
    """The container that an approval is about."""

    id: str
    name: str


class ApprovalBody(msgspec.Struct):
    """A request that waits, or that somebody has allowed. Secrets in it are masked."""

    id: str
    state: str
    asker: str
    mine: bool
    """Whether the caller has asked for it, who may then end and not allow it."""
    action: str
    container: ContainerBody
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


async def approvals(request: web.Request) -> web.Response:
    """List what the caller may decide, and what they have asked for."""
    only(request)
    principal = request[PRINCIPAL]
    found = await request.app[CONTEXT].approvals.list(principal)
    return json_response({"approvals": [_body(each, mine=each.asker == principal.name) for each in found]})


async def allow(request: web.Request) -> web.Response:
    """Allow what waits."""
    only(request, "seconds", "reason")
    seconds = number(request, "seconds", most=MAX_APPROVAL_TIME)
    made = await request.app[CONTEXT].approvals.allow(asker(request), request.match_info["id"], seconds=seconds)
    return json_response(_body(made, mine=False))


async def deny(request: web.Request) -> web.Response:
    """Deny what waits, or end what was allowed."""
    only(request, "reason")
    await request.app[CONTEXT].approvals.deny(asker(request), request.match_info["id"])
    return web.Response(status=204)


def _body(approval: Approval, *, mine: bool) -> ApprovalBody:
    return ApprovalBody(
        id=approval.id,
        state="allowed" if approval.is_running else "waiting",
        asker=approval.asker,
        mine=mine,
        action=approval.action.value,
        container=ContainerBody(approval.container_id, approval.container),
        command=approval.command,
        user=approval.user,
        workdir=approval.workdir,
        env=approval.env,
        tty=approval.tty,
        privileged=approval.privileged,
        reason=approval.purpose,
        asked=approval.asked,
        until=approval.until,
        approver=approval.approver,
    )
