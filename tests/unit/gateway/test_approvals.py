"""The routes of approvals, over HTTP, and the connection that waits."""

import asyncio

import pytest

from tests.door import Door, add_token
from tests.engines import eventually
from tests.unit.gateway.test_sessions import ask
from tests.unit.policy.worlds import rules
from tests.wire_client import connected
from whale.model.exec import ExecSpec

RULES = """
@id("see") permit(principal, action == Action::"list", resource);
@id("ask") @needs("approval") permit(principal, action in [Action::"exec", Action::"shell"], resource);
@id("leads") permit(principal in Group::"leads", action == Action::"approve", resource) when { context.asker != "bob" };
"""
SPEC = ExecSpec(("cat", "--password", "hunter2"), stdin=True, user="app", env=(("A", "1"),))


@pytest.fixture
async def lead(door: Door) -> str:
    door.policy.replace(rules(RULES))
    return await add_token(door.tokens, "bob", groups=("leads",))


async def test_allows_what_waits(door: Door, lead: str) -> None:
    async with connected(door) as client, asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(client.open("web", SPEC, reason="ticket 42"))
        await eventually(lambda: client.awaited is not None, "waiting")
        assert client.awaited is not None
        assert 890 < client.awaited.seconds <= 900
        status, body = await ask(door, "/1.0/approvals", token=lead)
        [shown] = body["approvals"]
        assert status == 200
        assert shown == {
            "id": client.awaited.approval,
            "state": "waiting",
            "asker": "alice",
            "mine": False,
            "action": "exec",
            "container": shown["container"],
            "command": ["cat", "--password", "***"],
            "user": "app",
            "workdir": "",
            "env": ["A=1"],
            "tty": False,
            "privileged": False,
            "reason": "ticket 42",
            "asked": shown["asked"],
            "until": shown["asked"] + 900,
            "approver": "",
        }
        assert shown["container"]["name"] == "web"
        path = f"/1.0/approvals/{shown['id']}"
        assert (await ask(door, path + "/allow", method="POST"))[0] == 403, "it is her own"
        assert (await ask(door, path + "/allow?seconds=1", method="POST", token=lead))[0] == 400
        status, allowed = await ask(door, path + "/allow?seconds=600", method="POST", token=lead)
        assert (status, allowed["state"], allowed["approver"]) == (200, "allowed", "bob")
        await opening
        assert client.opened is not None
        assert (await ask(door, "/1.0/approvals"))[1]["approvals"][0]["mine"] is True


async def test_denies_what_waits(door: Door, lead: str) -> None:
    async with connected(door) as client, asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(client.open("web", SPEC))
        await eventually(lambda: client.awaited is not None, "waiting")
        assert client.awaited is not None
        path = f"/1.0/approvals/{client.awaited.approval}/deny"
        assert await ask(door, path + "?reason=not%20now", method="POST", token=lead) == (204, None)
        assert (await ask(door, path, method="POST", token=lead))[0] == 404
        await opening
        assert client.failure is not None
        assert (client.failure.code, client.failure.message) == ("approval.denied", "bob has denied it: not now")


async def test_a_request_is_gone_with_its_connection(door: Door, lead: str) -> None:
    async with connected(door) as client, asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(client.open("web", SPEC))
        await eventually(lambda: client.awaited is not None, "waiting")
        assert client.awaited is not None
        opening.cancel()
    async with asyncio.timeout(5):
        while (await ask(door, "/1.0/approvals", token=lead))[1] != {"approvals": []}:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "path", ["/1.0/approvals?x=1", "/1.0/approvals/x/allow?seconds=-1", "/1.0/approvals/x/deny?x=1"]
)
async def test_unknown_parameters_are_refused(door: Door, path: str) -> None:
    method = "POST" if path.count("/") > 3 else "GET"
    assert (await ask(door, path, method=method))[0] == 400
