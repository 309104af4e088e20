"""Brings a database to the newest schema. Goes forward only, in one transaction the caller has begun."""

from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from whale.model.errors import WhaleError


def is_current(connection: Connection) -> bool:
    """Tell whether there is nothing to migrate. Raises `WhaleError` as `migrate` does. Writes nothing."""
    script = ScriptDirectory.from_config(_settings(connection))
    return _revisions(connection, script) == set(script.get_heads())


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing.

    Raises `WhaleError` (server.database) when the database comes from a newer whale; nothing was changed then.
    """
    config = _settings(connection)
    script = ScriptDirectory.from_config(config)
    if _revisions(connection, script) != set(script.get_heads()):
        upgrade(config, "head")


def advance(connection: Connection, revision: str) -> None:
    """Bring an empty database to one version of the tables. Raises `WhaleError` for one that is not known."""
    config = _settings(connection)
    _check_known(ScriptDirectory.from_config(config), {revision})
    upgrade(config, revision)


def revision_of(connection: Connection) -> str:
    """The version of the tables."""
    return ",".join(MigrationContext.configure(connection).get_current_heads())


def _settings(connection: Connection) -> Config:
    config = Config()
    # Alembic's settings interpolate, and an installation's path may hold a percent sign.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revisions(connection: Connection, script: ScriptDirectory) -> set[str]:
    current = set(MigrationContext.configure(connection).get_current_heads())
    _check_known(script, current)
    return current


def _check_known(script: ScriptDirectory, wanted: set[str]) -> None:
    unknown = wanted - {revision.revision for revision in script.walk_revisions()}
    if unknown:
        raise WhaleError(
            "the database was written by a newer version of whale",
            code="server.database",
            hint="run that version, or start with another state directory",
            detail=f"revision {', '.join(sorted(unknown))}",
        )
