"""Forward only, once, and never on a newer database."""

from pathlib import Path

import pytest
from alembic.command import upgrade
from sqlalchemy import Connection, create_engine, text

from whale.model.errors import WhaleError
from whale.store.migrate import _settings, is_current, migrate


def revision(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def test_an_empty_database_gets_all_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.begin() as connection:
        assert is_current(connection) is False
        migrate(connection)
        assert is_current(connection) is True
        assert revision(connection) == "0005"
        connection.execute(text("SELECT id, name, digest, created, expires, revoked, last_used, groups FROM tokens"))
        connection.execute(text("SELECT seq, at, kind, principal, action, session, body FROM audit_events"))
    engine.dispose()


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'twice.db'}")
    with engine.begin() as connection:
        migrate(connection)
        connection.execute(text("INSERT INTO tokens (id, name, digest, created) VALUES ('a', 'alice', x'00', 1)"))
        migrate(connection)
        assert connection.execute(text("SELECT name FROM tokens")).scalar_one() == "alice"
    engine.dispose()


def test_tokens_of_the_first_version_are_in_no_group(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(_settings(connection), "0001")
        connection.execute(text("INSERT INTO tokens (id, name, digest, created) VALUES ('a', 'alice', x'00', 1)"))
        assert is_current(connection) is False
        migrate(connection)
        assert connection.execute(text("SELECT name, groups FROM tokens")).one() == ("alice", "")
    engine.dispose()


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'newer.db'}")
    with engine.begin() as connection:
        migrate(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for step in (is_current, migrate):
            with pytest.raises(WhaleError, match="newer version") as caught:
                step(connection)
            assert caught.value.code == "server.database"
            assert "9999" in caught.value.detail
        assert revision(connection) == "9999"
    engine.dispose()


def test_a_database_of_the_first_version_keeps_its_tokens(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(_settings(connection), "0001")
        connection.execute(text("INSERT INTO tokens (id, name, digest, created) VALUES ('a', 'alice', x'00', 1)"))
        assert is_current(connection) is False
        migrate(connection)
        assert connection.execute(text("SELECT name FROM tokens")).scalar_one() == "alice"
        assert connection.execute(text("SELECT count(*) FROM audit_events")).scalar_one() == 0
    engine.dispose()
