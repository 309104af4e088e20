"""PostgreSQL's errors in whale's words."""

import ssl

import pytest
from sqlalchemy.exc import DBAPIError, TimeoutError

from whale.store.postgres_failures import not_connected, translate


class DriverError(Exception):
    def __init__(self, state: str) -> None:
        super().__init__("what PostgreSQL says")
        self.sqlstate = state


@pytest.mark.parametrize(
    ("state", "expected", "words"),
    [
        ("53100", "server.disk_full", "can't be written"),
        ("25006", "server.disk_full", "can't be written"),
        ("55P03", "server.database", "busy"),
        ("57014", "server.database", "busy"),
        ("XX001", "server.database", "damaged"),
        ("42501", "server.database", "refuses"),
        ("08003", "server.database", "can't be reached"),
        ("57P01", "server.database", "can't be reached"),
        ("42P01", "server.database", "can't be used"),
    ],
)
def test_every_kind_of_failure_has_its_words(state: str, expected: str, words: str) -> None:
    error = translate(DBAPIError("SELECT 1", {"digest": "hunter2"}, DriverError(state)))
    assert error is not None
    assert error.code == expected
    assert words in error.message
    assert error.hint
    assert "what PostgreSQL says" in error.detail
    assert "what PostgreSQL says" not in error.message + error.hint
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("state", ["", "22P02", "23505"])
def test_what_may_repeat_a_value_is_only_named(state: str) -> None:
    error = translate(DBAPIError("SELECT 1", {}, DriverError(state)))
    assert error is not None
    assert "what PostgreSQL says" not in str(error)
    assert state in error.detail


def test_what_is_not_the_database_s() -> None:
    assert translate(ZeroDivisionError()) is None
    for error in (OSError("gone"), TimeoutError()):
        known = translate(error)
        assert known is not None
        assert known.code == "server.database"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DriverError("28P01"), "does not let it in"),
        (DriverError("3D000"), "does not let it in"),
        (ssl.SSLCertVerificationError("certificate verify failed"), "over TLS"),
        (ConnectionRefusedError("nobody there"), "can't be reached"),
        (DriverError("57P03"), "can't be reached"),
    ],
)
def test_why_there_is_no_connection(error: Exception, words: str) -> None:
    known = not_connected(error)
    assert known.code == "server.database"
    assert words in known.message
    assert known.hint
    assert str(error) in known.detail
