"""PostgreSQL's own: locks that last, restarts, TLS, passwords, statements without end."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text

from tests.postgres import PASSWORD, USER, PostgresServer
from tests.unit.store.conftest import fill
from whale.model.errors import ConfigError, WhaleError
from whale.store import postgres as room
from whale.store.database import Database
from whale.store.place import PostgresAddress, parse_postgres_url
from whale.store.schema import tokens


@pytest.fixture
def address(postgres: PostgresServer) -> Iterator[PostgresAddress]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def by_network(postgres: PostgresServer, address: PostgresAddress, tmp_path: Path) -> PostgresAddress:
    """The same database by TCP: with TLS that is checked, and a password from a file."""
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    url = f"postgresql://{USER}@localhost:{postgres.port}/{address.database}?sslmode=verify-full"
    return parse_postgres_url(f"{url}&sslrootcert={postgres.ca_file}", password_file=str(password))


async def refusal(address: PostgresAddress) -> WhaleError:
    with pytest.raises(WhaleError) as caught:
        await Database.open(address)
    assert PASSWORD not in str(caught.value) + caught.value.hint
    for part in (address.host, address.database, address.user):
        assert part not in caught.value.message + caught.value.hint
    return caught.value


async def test_tls_and_a_password(by_network: PostgresAddress) -> None:
    database = await Database.open(by_network)
    async with database.read() as connection:
        query = "SELECT ssl, application_name FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        rows = (await connection.execute(text(f"{query} WHERE pid = pg_backend_pid()"))).all()
    assert rows == [(True, "whale-server")]
    await database.aclose()


async def test_a_wrong_password(by_network: PostgresAddress) -> None:
    Path(by_network.password_file).write_text("wrong\n")
    assert "does not let it in" in (await refusal(by_network)).message
    Path(by_network.password_file).unlink()
    assert "can't be reached" in (await refusal(by_network)).message


@pytest.mark.parametrize("ca_file", ["", "other"])
async def test_a_certificate_that_nobody_vouches_for(by_network: PostgresAddress, tmp_path: Path, ca_file: str) -> None:
    if ca_file:
        import trustme

        trustme.CA().cert_pem.write_to_path(tmp_path / ca_file)
        ca_file = str(tmp_path / ca_file)
    assert "over TLS" in (await refusal(by_network._replace(ca_file=ca_file))).message
    await (await Database.open(by_network._replace(ca_file=ca_file, tls="require"))).aclose()


async def test_a_certificate_of_another_name(by_network: PostgresAddress) -> None:
    other = by_network._replace(host="127.0.0.1")
    assert "over TLS" in (await refusal(other)).message
    await (await Database.open(other._replace(tls="verify-ca"))).aclose()


async def test_without_tls_it_is_not_let_in(by_network: PostgresAddress) -> None:
    assert "does not let it in" in (await refusal(by_network._replace(tls="disable"))).message


async def test_certificates_that_can_not_be_read(by_network: PostgresAddress, tmp_path: Path) -> None:
    (tmp_path / "no").write_text("no certificate")
    for file in ("no", "none"):
        with pytest.raises(ConfigError, match="certificates can't be used"):
            await Database.open(by_network._replace(ca_file=str(tmp_path / file)))


async def test_a_database_that_is_not_there(address: PostgresAddress) -> None:
    assert "does not let it in" in (await refusal(address._replace(database="nowhere"))).message
    assert "can't be reached" in (await refusal(address._replace(host="/nowhere"))).message


async def test_a_lock_that_lasts_is_an_error(address: PostgresAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOCK_TIMEOUT", 0.05)
    one, two = await Database.open(address), await Database.open(address)
    async with one.write():
        with pytest.raises(WhaleError, match="busy") as caught:
            async with two.write():
                pass
        await two.ping()
    assert caught.value.code == "server.database"
    async with two.write():
        pass
    await one.aclose()
    await two.aclose()


async def test_a_cancelled_query_gives_its_connection_back(address: PostgresAddress) -> None:
    database = await Database.open(address)

    async def hang() -> None:
        async with asyncio.timeout(0.01), database.write() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))

    for _ in range(room.POOL_SIZE + 1):
        with pytest.raises(TimeoutError):
            await hang()
    async with asyncio.timeout(5), database.write():
        await database.ping()
    await database.aclose()


async def test_a_statement_without_end(address: PostgresAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "STATEMENT_TIMEOUT", 0.05)
    database = await Database.open(address)
    with pytest.raises(WhaleError, match="busy"):
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))
    await database.ping()
    await database.aclose()


async def test_too_many_readers_wait_and_then_fail(address: PostgresAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "POOL_SIZE", 1)
    monkeypatch.setattr(room, "POOL_TIMEOUT", 0.05)
    database = await Database.open(address)
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(WhaleError) as caught:
            await database.ping()
    assert caught.value.code == "server.database"
    await database.ping()
    await database.aclose()


async def test_a_read_only_database(postgres: PostgresServer, address: PostgresAddress) -> None:
    postgres.sql(f"ALTER DATABASE {address.database} SET default_transaction_read_only = on")
    database = await Database.open(address)
    with pytest.raises(WhaleError) as caught:
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM tokens"))
    assert caught.value.code == "server.disk_full"
    await database.ping()
    await database.aclose()


async def test_a_restart_is_noticed_by_nobody_who_comes_after_it(
    postgres: PostgresServer, address: PostgresAddress
) -> None:
    async def ask_often() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(room.POOL_SIZE):
                tasks.create_task(database.ping())

    database = await Database.open(address)
    await ask_often()
    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(WhaleError, match="can't be reached") as caught:
            await database.ping()
        assert caught.value.code == "server.database"
    finally:
        postgres.start()
    await ask_often()
    await asyncio.to_thread(postgres.stop)
    postgres.start()
    await ask_often()  # nobody has asked in between, so nobody knows yet
    await database.aclose()


async def test_a_connection_that_breaks_in_a_transaction(postgres: PostgresServer, address: PostgresAddress) -> None:
    database = await Database.open(address)

    async def be_cut_off() -> None:
        async with database.write() as connection:
            pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await asyncio.to_thread(postgres.sql, f"SELECT pg_terminate_backend({pid})")
            await connection.execute(text("SELECT 1"))

    with pytest.raises(WhaleError, match="can't be reached"):
        await be_cut_off()
    async with database.write():
        pass
    await database.aclose()


@pytest.fixture
def small_space(postgres: PostgresServer, address: PostgresAddress) -> Iterator[Path]:
    """The database's files on a file system of their own, with 24 MiB. Needs the right to mount."""
    place = postgres.directory / "small"
    place.mkdir()
    options = f"size=24m,mode=0700,uid={postgres.directory.stat().st_uid},gid={postgres.directory.stat().st_gid}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "whale-test", str(place)]
    subprocess.run(mount, check=True, capture_output=True, timeout=10)
    move = f"ALTER DATABASE {address.database} SET TABLESPACE"
    try:
        postgres.sql(f"CREATE TABLESPACE small LOCATION '{place}'", f"{move} small")
        yield place
        postgres.sql(f"{move} pg_default", "DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True, timeout=10)
        place.rmdir()


async def test_a_full_disk_is_said_and_outlived(small_space: Path, address: PostgresAddress) -> None:
    database = await Database.open(address)

    async def write_on() -> None:
        for number in range(1000):
            async with database.write() as connection:
                row = {"id": str(number), "name": str(number), "digest": bytes(4000), "created": 1}
                await connection.execute(insert(tokens).values(row))

    filler = fill(small_space)
    with pytest.raises(WhaleError, match="can't be written") as caught:
        await write_on()
    assert caught.value.code == "server.disk_full"
    assert str(small_space) not in caught.value.message + caught.value.hint
    await database.ping()
    async with database.read() as connection:
        assert (await connection.execute(select(tokens))).all() is not None
    filler.unlink()
    async with database.write() as connection:
        await connection.execute(delete(tokens))
    await write_on()
    await database.aclose()
