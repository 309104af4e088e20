"""What the policy would say, over HTTP."""

from typing import Any

import aiohttp
import pytest

from tests.door import Door, add_token
from tests.engines import eventually
from tests.unit.policy.worlds import rules
from tests.wire_client import connected
from whale.gateway.can import ON_RECORDINGS, ON_SESSIONS
from whale.model.exec import ExecSpec
from whale.model.scope import parse_scope
from whale.policy import facts

RULES = """
@id("see") permit(principal, action == Action::"list", resource) when { resource.name == "web" };
@id("run") permit(principal in Group::"developer", action in [Action::"exec", Action::"shell"], resource);
@id("own") permit(principal, action in [Action::"attach", Action::"view"], resource) when { resource in principal };
@id("no-root") forbid(principal, action in [Action::"exec", Action::"shell"], resource) when { context.user == "root" };
@id("only-true") forbid(principal, action == Action::"exec", resource)
unless { context.command == "true 'a b'" && !context.tty && !context.privileged && context.workdir == "/srv" };
"""


async def ask(door: Door, token: str, **query: str | list[str]) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(
            door.url + "/1.0/can", params=[(k, w) for k, v in query.items() for w in ([v] if isinstance(v, str) else v)]
        ) as answer:
            return answer.status, await answer.json()


def test_knows_which_actions_are_on_what() -> None:
    assert (ON_SESSIONS, ON_RECORDINGS) == (facts.ON_SESSIONS, facts.ON_RECORDINGS)


async def test_says_yes_and_no_and_what_is_missing(door: Door) -> None:
    door.policy.replace(rules(RULES))
    token = await add_token(door.tokens, "bob", groups=("developer",))
    assert await ask(door, token, action="shell", name="web", user="app") == (
        200,
        {
            "action": "shell",
            "allowed": True,
            "reason": "allowed by run",
            "policies": ["run"],
            "missing": [],
            "recording": None,
        },
    )
    _, denied = await ask(door, token, action="shell", name="web", user="0:0")
    assert (denied["allowed"], denied["policies"]) == (False, ["no-root"])
    _, alice = await ask(door, door.token, action="shell", name="web", user="app")
    assert alice["missing"] == ["run permits it to the group developer, which alice is not in"]
    right: dict[str, str | list[str]] = {
        "action": "exec",
        "name": "web",
        "user": "app",
        "command": ["true", "a b"],
        "workdir": "/x/../srv",
    }
    assert (await ask(door, token, **right))[1]["allowed"]
    wrongs: list[dict[str, str | list[str]]] = [
        {"command": ["true", "a", "b"]},
        {"tty": "true"},
        {"privileged": "true"},
        {"workdir": "/"},
    ]
    for wrong in wrongs:
        assert not (await ask(door, token, **right | wrong))[1]["allowed"], wrong


async def test_says_what_would_be_recorded(door: Door) -> None:
    door.policy.replace(rules('@record("echoed") @unrecorded("hold") permit(principal, action, resource);'))
    _, said = await ask(door, door.token, action="shell", name="web")
    assert said["recording"] == {"mode": "echoed", "failure": "hold"}
    assert (await ask(door, door.token, action="logs", name="web"))[1]["recording"] is None


async def test_what_is_hidden_is_not_found(door: Door) -> None:
    door.policy.replace(rules(RULES))
    hidden = await ask(door, door.token, action="list", name="db")
    unknown = await ask(door, door.token, action="list", name="dc")
    assert hidden[0] == unknown[0] == 404
    assert hidden[1]["error"]["message"].replace("db", "dc") == unknown[1]["error"]["message"]
    assert hidden[1]["error"]["hint"] == unknown[1]["error"]["hint"]


async def test_sessions(door: Door) -> None:
    bob = await add_token(door.tokens, "bob")
    async with connected(door) as client:
        await client.open("web", ExecSpec(tty=True, stdin=True))
        [session] = door.registry.sessions()
        door.policy.replace(rules(RULES))
        assert (await ask(door, door.token, action="attach", name=session.id))[1]["policies"] == ["own"]
        killing = (await ask(door, door.token, action="kill", name=session.id))[1]
        assert (killing["allowed"], killing["missing"]) == (False, ["no policy permits kill to anybody"])
        assert (await ask(door, bob, action="view", name=session.id))[0] == 404


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"action": "sell", "name": "web"},
        {"action": "shell"},
        {"action": "shell", "name": ["web", "web"]},
        {"action": "exec", "name": "web", "tty": "yes"},
        {"action": "exec", "name": "web", "who": "alice"},
    ],
)
async def test_nonsense_is_refused(door: Door, query: dict[str, str | list[str]]) -> None:
    assert (await ask(door, door.token, **query))[0] == 400


@pytest.mark.parametrize("wrong", [{"workdir": "srv"}, {"workdir": "/proc/self"}, {"command": [""]}, {"user": "\0"}])
async def test_what_no_policy_could_allow_is_a_no(door: Door, wrong: dict[str, str | list[str]]) -> None:
    status, answer = await ask(door, door.token, action="exec", name="web", **wrong)
    assert (status, answer["allowed"], answer["policies"]) == (200, False, [])
    assert answer["missing"][0]


async def test_a_token_with_a_scope_is_good_for_that_alone(door: Door) -> None:
    token = await add_token(door.tokens, "ci", scope=parse_scope(["exec"], ["web"]))
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(door.url + "/1.0/containers?all=true") as answer:
            assert [each["name"] for each in (await answer.json())["containers"]] == ["web"]
        async with session.get(door.url + "/1.0/containers/db/logs") as answer:
            assert answer.status == 404, "what is outside does not exist"
        async with session.get(door.url + "/1.0/containers/web/logs") as answer:
            assert (answer.status, "outside the token" in await answer.text()) == (403, True)
    assert (await ask(door, token, action="exec", name="web", command="id"))[1]["allowed"] is True
    _, denied = await ask(door, token, action="shell", name="web")
    assert denied["reason"] == "outside the token's scope"
    assert denied["missing"] == ["another token: the scope of this one is exec on name:web"]
    async with connected(door._replace(token=token)) as client:
        await client.open("web", ExecSpec(("cat",), stdin=True), attachment="5f" * 16)
        assert client.opened is not None
        client.transport.transport.abort()
    await eventually(lambda: door.registry.waiting == 1, "lost")
    async with connected(door._replace(token=token), going_on_with=client) as back:
        await back.attach()
        assert back.opened is not None, "it may come back to what it began"
