"""What an operator does with tokens, on a real database, against a real authenticator."""

import time
from pathlib import Path

import pytest

from whale.access.authenticator import Authenticator
from whale.model.errors import AuthenticationError, UsageError, WhaleError
from whale.model.ids import TokenId
from whale.server import tokens
from whale.store.database import Database
from whale.store.tokens import TokenRow, TokenTable


async def test_a_token_made_beside_a_running_server_opens_its_door(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "state")
    door = Authenticator(TokenTable(database))
    made = await tokens.create(tmp_path / "state", "alice")
    header = f"Bearer {made.text.reveal()}"
    assert (await door.authenticate(header)).name == "alice"
    (row,) = await tokens.list_all(tmp_path / "state")
    assert row.last_used is not None
    assert abs(row.last_used - time.time()) < 60
    await tokens.revoke(tmp_path / "state", "alice")
    with pytest.raises(AuthenticationError, match="revoked"):
        await door.authenticate(header)
    await database.aclose()


async def test_a_server_without_its_database_lets_nobody_in(tmp_path: Path) -> None:
    made = await tokens.create(tmp_path / "state", "alice")
    database = await Database.open(tmp_path / "state")
    door = Authenticator(TokenTable(database))
    async with database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE tokens RENAME TO elsewhere")
    with pytest.raises(WhaleError) as caught:
        await door.authenticate(f"Bearer {made.text.reveal()}")
    assert caught.value.code == "auth.unavailable"
    await database.aclose()


async def test_nothing_on_disk_opens_a_door(tmp_path: Path) -> None:
    made = await tokens.create(tmp_path / "state", "alice")
    secret = made.text.reveal()[18:61].encode()
    for file in (tmp_path / "state").iterdir():
        assert secret not in file.read_bytes()
        assert b"alice" in file.read_bytes() or file.name != "whale.db"


@pytest.mark.parametrize(("lifetime", "seconds"), [("90d", 90 * 86400), ("12h", 43200), ("never", None)])
async def test_a_token_lives_as_long_as_said(tmp_path: Path, lifetime: str, seconds: int | None) -> None:
    made = await tokens.create(tmp_path / "state", "alice", lifetime=lifetime)
    assert abs(made.row.created - time.time()) < 60
    assert made.row.expires == (None if seconds is None else made.row.created + seconds)
    assert await tokens.list_all(tmp_path / "state") == [made.row]


async def test_the_default_is_90_days(tmp_path: Path) -> None:
    made = await tokens.create(tmp_path / "state", "alice")
    assert made.row.expires == made.row.created + 90 * 86400


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "a\n", "ü", "a" * 65, "x\x1b[2J"])
async def test_a_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        await tokens.create(tmp_path / "state", name)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["a", "alice@example.com", "ci-backup_2.x", "9" * 64])
async def test_names_that_are_fine(tmp_path: Path, name: str) -> None:
    assert (await tokens.create(tmp_path / "state", name)).row.name == name


async def test_a_bad_lifetime_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lifetime"):
        await tokens.create(tmp_path / "state", "alice", lifetime="soon")
    assert not (tmp_path / "state").exists()


async def test_a_name_in_use_is_refused(tmp_path: Path) -> None:
    await tokens.create(tmp_path / "state", "alice")
    with pytest.raises(UsageError, match="already"):
        await tokens.create(tmp_path / "state", "alice")
    await tokens.revoke(tmp_path / "state", "alice")
    await tokens.create(tmp_path / "state", "alice")


async def test_revoking_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no living token named x\\x1b") as caught:
        await tokens.revoke(tmp_path / "state", "x\x1b")
    assert "token list" in caught.value.hint


@pytest.mark.parametrize(
    ("expires", "revoked", "state"),
    [
        (None, None, "active"),
        (101, None, "active"),
        (100, None, "expired"),
        (None, 50, "revoked"),
        (200, 50, "revoked"),
        (60, 50, "revoked"),
        (50, 60, "expired"),
        (60, 60, "expired"),
    ],
)
def test_the_state_in_one_word(expires: int | None, revoked: int | None, state: str) -> None:
    row = TokenRow(TokenId("a"), "alice", b"", 1, expires, revoked)
    assert tokens.state_of(row, now=100) == state


@pytest.mark.parametrize("groups", [["a,b"], [""], ["a b"], ["g" * 65], [str(number) for number in range(101)]])
async def test_bad_groups_are_refused(tmp_path: Path, groups: list[str]) -> None:
    with pytest.raises(UsageError, match="group"):
        await tokens.create(tmp_path / "state", "alice", groups=groups)
    await tokens.create(tmp_path / "state", "alice", groups=["a"])
    with pytest.raises(UsageError, match="group"):
        await tokens.set_groups(tmp_path / "state", "alice", groups)
    assert (await tokens.list_all(tmp_path / "state"))[0].groups == ("a",)
