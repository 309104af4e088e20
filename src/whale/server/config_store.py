"""The settings of the database."""

from typing import Annotated

from whale.model.errors import ConfigError
from whale.server.config_section import Section, about
from whale.store.place import parse_postgres_url


class StoreSection(Section, frozen=True):
    """Where tokens and the audit trail are kept."""

    url: Annotated[
        str,
        about(
            "PostgreSQL database: postgresql://user@host/database. Empty: SQLite, in the state directory.",
            flag="--store-url",
            sensitive=True,
        ),
    ] = ""
    password_file: Annotated[
        str, about("File with the password of that database; read at every connect.", kind="file", sensitive=True)
    ] = ""

    def check(self) -> None:
        """Check the address."""
        if self.url:
            parse_postgres_url(self.url)
        elif self.password_file:
            raise ConfigError("is of no use without store.url", path="password_file")
