"""SQLite's errors in whale's words."""

import sqlite3

import pytest

from whale.store.failures import not_writable, translate


def driver_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        (sqlite3.SQLITE_FULL, "server.disk_full", "can't write"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "server.disk_full", "can't write"),
        (sqlite3.SQLITE_IOERR_WRITE, "server.disk_full", "can't write"),
        (sqlite3.SQLITE_CANTOPEN, "server.disk_full", "can't write"),
        (sqlite3.SQLITE_PERM, "server.disk_full", "can't write"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "server.database", "in use"),
        (sqlite3.SQLITE_LOCKED, "server.database", "in use"),
        (sqlite3.SQLITE_CORRUPT_VTAB, "server.database", "damaged"),
        (sqlite3.SQLITE_NOTADB, "server.database", "damaged"),
        (sqlite3.SQLITE_ERROR, "server.database", "can't be used"),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, "server.database", "can't be used"),
    ],
)
def test_every_kind_of_failure_has_its_words(code: int, expected: str, words: str) -> None:
    error = translate(driver_error(code), kind="OperationalError")
    assert error.code == expected
    assert words in error.message
    assert error.hint
    assert "what SQLite says" in error.detail
    assert "what SQLite says" not in error.message + error.hint


def test_an_error_without_a_driver_s_is_named_by_its_kind() -> None:
    error = translate(None, kind="TimeoutError")
    assert (error.code, error.detail) == ("server.database", "TimeoutError")
    assert translate(ValueError("x"), kind="StatementError").detail == "StatementError: x"


def test_a_directory_that_can_not_be_written() -> None:
    error = not_writable("/var/lib/whale: Permission denied")
    assert error.code == "server.disk_full"
    assert "--state-dir" in error.hint
    assert "/var/lib" not in error.message + error.hint
