"""What both database systems do alike: transactions, several processes, what is said when something is wrong."""

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import Connection, insert, select, text, update

from whale.model.errors import WhaleError
from whale.store.database import Database
from whale.store.place import StorePlace
from whale.store.schema import tokens

ROW = {"id": "a" * 12, "name": "alice", "digest": b"d" * 32, "created": 1}


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(tokens.c.name))).scalars())


async def test_what_was_written_is_there_after_opening_again(empty_place: StorePlace) -> None:
    for expected in ([], ["alice"]):
        database = await Database.open(empty_place)
        assert await names(database) == expected
        if not expected:
            async with database.write() as connection:
                await connection.execute(insert(tokens).values(ROW))
        await database.aclose()
        await database.aclose()


async def test_an_error_rolls_back(database: Database) -> None:
    class Interrupted(Exception):
        pass

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(insert(tokens).values(ROW))
            raise Interrupted

    with pytest.raises(Interrupted):
        await write()
    assert await names(database) == []
    await database.ping()


async def test_what_is_written_at_once_is_one_transaction(database: Database) -> None:
    def write(connection: Connection) -> str:
        connection.execute(insert(tokens).values(ROW))
        return str(connection.execute(select(tokens.c.name)).scalar_one())

    assert await database.write_at_once(write) == "alice"
    assert await names(database) == ["alice"]
    with pytest.raises(WhaleError) as twice:
        await database.write_at_once(write)
    assert twice.value.code == "server.database"

    def interrupted(connection: Connection) -> None:
        connection.execute(update(tokens).values(name="bob"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write_at_once(interrupted)
    assert await names(database) == ["alice"]


async def test_who_writes_at_once_waits_for_others_and_they_for_it(database: Database) -> None:
    def write(connection: Connection) -> None:
        connection.execute(update(tokens).values(name=tokens.c.name + "-"))

    async def other() -> None:
        async with database.write() as connection:
            found = (await connection.execute(select(tokens.c.name))).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(update(tokens).values(name=f"{found}+"))

    async with database.write() as connection:
        await connection.execute(insert(tokens).values(ROW))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(database.write_at_once(write))
            tasks.create_task(other())
    [name] = await names(database)
    assert (name.count("-"), name.count("+")) == (20, 20)


async def test_readers_go_on_while_one_writes(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(tokens).values(ROW))
        async with asyncio.timeout(2):
            assert await names(database) == []
    assert await names(database) == ["alice"]


async def test_writers_wait_for_each_other(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as connection:
            await connection.execute(select(tokens))
            await connection.execute(insert(tokens).values({**ROW, "id": str(number), "name": str(number)}))

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(write(number))
    assert sorted(await names(database), key=int) == [str(number) for number in range(20)]


def test_processes_may_open_it_for_the_first_time_together(empty_place: StorePlace) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path, PosixPath\n"
        "from whale.store.place import PostgresAddress\n"
        "from sqlalchemy import insert\n"
        "from whale.store.database import Database\n"
        "from whale.store.schema import tokens\n"
        "async def main():\n"
        "    sys.stdin.readline()\n"
        "    database = await Database.open(eval(sys.argv[1]))\n"
        "    async with database.write() as connection:\n"
        "        await connection.execute(insert(tokens).values("
        "id=sys.argv[2], name=sys.argv[2], digest=b'd', created=1))\n"
        "    await database.aclose()\n"
        "asyncio.run(main())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, repr(empty_place), str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [(b"", 0)] * len(processes)

    async def written() -> list[str]:
        database = await Database.open(empty_place)
        try:
            return await names(database)
        finally:
            await database.aclose()

    assert sorted(asyncio.run(written())) == ["0", "1", "2", "3"]


async def test_other_errors_do_not_repeat_what_was_written(database: Database) -> None:
    with pytest.raises(WhaleError) as caught:
        async with database.read() as connection:
            await connection.execute(text("SELECT :value FROM nowhere"), {"value": "hunter2"})
    assert caught.value.code == "server.database"
    assert "nowhere" in caught.value.detail
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "name": None},
        {**ROW, "digest": "hunter2"},
        {**ROW, "created": "hunter2"},
        {**ROW, "name": "n" * 64 + "hunter2", "created": None},
    ],
)
async def test_nor_does_a_row_that_is_refused(database: Database, row: dict[str, object]) -> None:
    with pytest.raises(WhaleError) as caught:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO tokens VALUES (:id, :name, :digest, :created)"), row)
    assert caught.value.code == "server.database"
    for secret in ("hunter2", "a" * 12, "alice", "64" * 8, "\\x"):
        assert secret not in str(caught.value)


async def test_what_is_not_the_database_s_stays_what_it_is(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write():
            raise ZeroDivisionError


async def test_who_writes_sees_what_was_written_while_it_waited(database: Database, place: StorePlace) -> None:
    other = await Database.open(place)
    began = asyncio.Event()

    async def second() -> list[str]:
        began.set()
        async with other.write() as connection:
            return list((await connection.execute(select(tokens.c.name))).scalars())

    try:
        async with asyncio.TaskGroup() as tasks:
            async with database.write() as connection:
                task = tasks.create_task(second())
                await began.wait()
                await connection.execute(insert(tokens).values(ROW))
        assert task.result() == ["alice"]
    finally:
        await other.aclose()


async def test_a_snapshot_sees_one_state_and_writes_nothing(database: Database) -> None:
    async with database.snapshot() as connection:
        assert (await connection.execute(select(tokens.c.name))).all() == []
        async with database.write() as writer:
            await writer.execute(insert(tokens).values(ROW))
        assert (await connection.execute(select(tokens.c.name))).all() == []
        assert await names(database) == ["alice"]


async def test_a_newer_database_is_let_go_of(place: StorePlace) -> None:
    database = await Database.open(place)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.aclose()
    with pytest.raises(WhaleError, match="newer version"):
        await Database.open(place)


async def test_it_is_held_for_a_block(database: Database) -> None:
    for _ in range(2):
        async with database.held():
            await database.ping()
