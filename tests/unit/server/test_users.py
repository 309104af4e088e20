"""What an operator does with people, on a real database."""

import time
from pathlib import Path

import pytest

from whale.access.tokens import parse_token
from whale.broker.logins import Logins
from whale.model.audit import AuditQuery
from whale.model.errors import AuthenticationError, UsageError, WhaleError
from whale.server import audit, tokens, users
from whale.server.config import load_config
from whale.store.database import Database
from whale.store.logins import LoginTable
from whale.store.users import UserRow, UserTable


async def enrol(state: Path, link: users.Link) -> str:
    database = await Database.open(state)
    try:
        return (await Logins(LoginTable(database)).enrol(f"Bearer {link.code.reveal()}")).name
    finally:
        await database.aclose()


async def test_a_person_logs_in_by_a_link_that_works_once(tmp_path: Path) -> None:
    made = await users.add(tmp_path, "alice", groups=("b", "a", "b"))
    assert parse_token(made.code.reveal()) is not None
    assert 3500 < made.expires - time.time() <= 3600
    (row,) = await users.list_all(tmp_path)
    assert (row.name, row.groups, row.last_login) == ("alice", ("a", "b"), None)
    assert await enrol(tmp_path, made) == "alice"
    with pytest.raises(AuthenticationError):
        await enrol(tmp_path, made)
    second, third = await users.link(tmp_path, "alice"), await users.link(tmp_path, "alice", lifetime="2h")
    with pytest.raises(AuthenticationError):
        await enrol(tmp_path, second)
    await enrol(tmp_path, third)


async def test_the_code_is_nowhere_on_disk(tmp_path: Path) -> None:
    made = await users.add(tmp_path / "state", "alice")
    for file in (tmp_path / "state").iterdir():
        assert made.code.reveal()[18:61].encode() not in file.read_bytes()


async def test_who_is_disabled_gets_no_link_until_enabled(tmp_path: Path) -> None:
    made = await users.add(tmp_path, "alice")
    await users.disable(tmp_path, "alice")
    with pytest.raises(AuthenticationError):
        await enrol(tmp_path, made)
    with pytest.raises(UsageError, match="disabled"):
        await users.link(tmp_path, "alice")
    await users.enable(tmp_path, "alice")
    await enrol(tmp_path, await users.link(tmp_path, "alice"))
    assert await users.set_groups(tmp_path, "alice", ("x",)) == ("x",)
    await users.remove(tmp_path, "alice")
    assert await users.list_all(tmp_path) == []


async def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    await tokens.create(tmp_path, "ci")
    with pytest.raises(WhaleError) as caught:
        await users.add(tmp_path, "ci")
    assert caught.value.code == "login.name"
    for name in ("", "a b", "-x", "x" * 65, "é"):
        with pytest.raises(UsageError, match="a person's name"):
            await users.add(tmp_path, name)
    for lifetime in ("8d", "never", "0h", "soon"):
        with pytest.raises(UsageError):
            await users.add(tmp_path, "bob", lifetime=lifetime)
    with pytest.raises(UsageError):
        await users.add(tmp_path, "bob", groups=("a,b",))
    assert await users.list_all(tmp_path) == []
    for call in (users.link, users.disable, users.enable, users.remove):
        with pytest.raises(UsageError, match="nobody named bob"):
            await call(tmp_path, "bob")
    with pytest.raises(UsageError, match="nobody named bob"):
        await users.set_groups(tmp_path, "bob", ())


async def test_a_providers_people_are_the_providers(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    await UserTable(database).add(UserRow("u", "bob", 1, ("a",), "https://id.example", "4711"))
    await database.aclose()
    with pytest.raises(UsageError, match="identity provider"):
        await users.link(tmp_path, "bob")
    with pytest.raises(UsageError, match="identity provider"):
        await users.set_groups(tmp_path, "bob", ("admin",))
    assert (await users.list_all(tmp_path))[0].groups == ("a",)


async def test_the_trail_has_what_was_done(tmp_path: Path) -> None:
    await users.add(tmp_path, "alice", groups=("a",))
    await users.set_groups(tmp_path, "alice", ())
    await users.disable(tmp_path, "alice")
    await users.enable(tmp_path, "alice")
    await users.remove(tmp_path, "alice")
    lines = reversed(await audit.search(tmp_path, AuditQuery(text="alice")))
    kinds = [line.split('"kind":"')[1].split('"')[0] for line in lines]
    assert kinds == ["user.added", "user.link", "user.groups", "user.disabled", "user.enabled", "user.removed"]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:7433"),
        ({"listen": "[::1]:1"}, "http://[::1]:1"),
        ({"listen": "192.0.2.1:1", "tls.behind_proxy": True}, "https://192.0.2.1:1"),
        ({"public_url": "https://whale.example"}, "https://whale.example"),
    ],
)
def test_where_people_reach_it(settings: dict[str, object], url: str) -> None:
    assert users.login_url(load_config(settings, environ={"HOME": "/"})[0]) == url


def test_everywhere_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Box")
    config, _ = load_config({"listen": "0.0.0.0:7433", "tls.behind_proxy": True}, environ={"HOME": "/"})
    assert users.login_url(config) == "https://box:7433"
