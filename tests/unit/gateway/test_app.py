"""The route table: nothing in it is open but the two probes, and openapi.yaml lists all of it."""

import itertools
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.door import Door
from whale.gateway.guard import LOGIN_PATHS, OPEN_PATHS, PAGE_PATHS

DOCUMENT = Path(__file__).parents[3] / "openapi.yaml"

PATHS = ["/1.0/shell", "/1.0/version", "/1.0/containers", "/1.0/containers/web/logs", "/metrics", "/nope", "/", "//"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
CREDENTIALS = [None, "", "Bearer", "Bearer x", "Basic YTpi", "Bearer whale_wrong"]


def described() -> dict[str, dict[str, dict[str, Any]]]:
    """The methods of each path in the document."""
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    return {
        path: {name: method for name, method in methods.items() if name != "parameters"}
        for path, methods in paths.items()
    }


def routes_of(door: Door) -> set[tuple[str, str]]:
    return {
        (route.method.lower(), route.resource.canonical)
        for route in door.app.router.routes()
        if route.resource is not None
    }


async def test_the_document_and_the_table_are_the_same(door: Door) -> None:
    documented = {(method, path) for path, methods in described().items() for method in methods}
    assert routes_of(door) == documented


async def test_only_probes_and_logging_in_are_documented_as_open(door: Door) -> None:
    needs = {path: method.get("security") for path, methods in described().items() for method in methods.values()}
    open_paths = OPEN_PATHS | PAGE_PATHS | {"/1.0/login/device"}
    assert {path for path, schemes in needs.items() if schemes == []} == open_paths
    others = {path for path, schemes in needs.items() if schemes}
    assert others == LOGIN_PATHS - open_paths, "all that is left takes what opens everything"


async def test_without_a_credential_everything_is_401(door: Door) -> None:
    upgrade = {"Origin": "https://evil.example", "Upgrade": "websocket", "Connection": "upgrade"}
    async with aiohttp.ClientSession() as session:
        for path, method, credential in itertools.product(PATHS, METHODS, CREDENTIALS):
            headers = upgrade | ({"Authorization": credential} if credential is not None else {})
            async with session.request(method, door.url + path, headers=headers) as answer:
                assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), (path, method)


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
async def test_the_probes_say_one_word_to_anyone(door: Door, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(door.url + path) as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
        assert answer.headers["Server"] == "whale"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(door: Door, method: str) -> None:
    async with (
        aiohttp.ClientSession(headers=door.headers) as session,
        session.request(method, door.url + "/1.0/version") as answer,
    ):
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
