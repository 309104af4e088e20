"""Brings a database to the newest schema. Goes forward only, in one transaction the caller has begun."""

from pathlib import Path

from alembic.command import upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from whale.model.errors import WhaleError


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing.

    Raises `WhaleError` (server.database) when the database comes from a newer whale; nothing was changed then.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    current = set(MigrationContext.configure(connection).get_current_heads())
    if current - known:
        raise WhaleError(
            "the database was written by a newer version of whale",
            code="server.database",
            hint="run that version, or start with another state directory",
            detail=f"revision {', '.join(sorted(current - known))}",
        )
    if current != set(script.get_heads()):
        upgrade(config, "head")
