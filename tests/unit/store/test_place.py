"""URLs of databases: what they mean, and that nothing of them is repeated."""

import pytest

from whale.model.errors import ConfigError
from whale.store.place import PostgresAddress, parse_postgres_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "postgresql://whale@db.example.com/whale",
            PostgresAddress("db.example.com", 5432, "whale", "whale", "verify-full"),
        ),
        ("postgres://db.example.com:6432/w", PostgresAddress("db.example.com", 6432, "", "w", "verify-full")),
        ("postgresql://192.0.2.7/w?sslmode=disable", PostgresAddress("192.0.2.7", 5432, "", "w", "disable")),
        ("postgresql://127.0.0.1/w", PostgresAddress("127.0.0.1", 5432, "", "w", "disable")),
        ("postgresql://[::1]/w", PostgresAddress("::1", 5432, "", "w", "disable")),
        ("postgresql://localhost/w?sslmode=require", PostgresAddress("localhost", 5432, "", "w", "require")),
        ("postgresql://localhost.example/w", PostgresAddress("localhost.example", 5432, "", "w", "verify-full")),
        ("postgresql:///w?host=/run/pg", PostgresAddress("/run/pg", 5432, "", "w", "disable")),
        ("postgresql://a%40b@%2Frun%2Fpg/w%20x", PostgresAddress("/run/pg", 5432, "a@b", "w x", "disable")),
        (
            "postgresql://db/w?sslmode=verify-ca&sslrootcert=/ca&sslcert=/c&sslkey=/k",
            PostgresAddress("db", 5432, "", "w", "verify-ca", "/ca", "/c", "/k"),
        ),
    ],
)
def test_a_url_is_taken_apart(url: str, address: PostgresAddress) -> None:
    assert parse_postgres_url(url) == address
    assert parse_postgres_url(url, password_file="/p") == address._replace(password_file="/p")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://hunter2:hunter2@db/w", "must not hold a password"),
        ("postgresql://hunter2:@db/w", "must not hold a password"),
        ("postgresql://db/w?password=hunter2", "must not hold a password"),
        ("mysql://hunter2@db/w", "is not the address of a PostgreSQL database"),
        ("hunter2", "is not the address of a PostgreSQL database"),
        ("postgresql://db/w#hunter2", "is not the address of a PostgreSQL database"),
        ("postgresql://db:hunter2/w", "is not the address of a database"),
        ("postgresql://[hunter2/w", "is not the address of a database"),
        ("postgresql://db/w?hunter2", "is not the address of a database"),
        ("postgresql:///hunter2", "has no host"),
        ("postgresql://hunter2,db/w", "has no host"),
        ("postgresql://db%0Ahunter2/w", "has no host"),
        ("postgresql://hunter2/", "has no name of a database"),
        ("postgresql://db/w/hunter2", "has no name of a database"),
        ("postgresql://db/w?sslmode=prefer", "has an sslmode that is not known"),
        ("postgresql://db/w?sslmode=hunter2", "has an sslmode that is not known"),
        ("postgresql://db/w?hunter2=1", "has an option that is not known"),
        ("postgresql://db/w?service=hunter2", "has an option that is not known"),
        ("postgresql://db/w?sslrootcert=hunter2", "has a file whose path is not absolute"),
        ("postgresql://db/w?sslcert=/hunter2", "has certificates that do not fit together"),
        ("postgresql://localhost/w?sslrootcert=/hunter2", "has certificates that do not fit together"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_repeated(url: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_postgres_url(url)
    assert (caught.value.message, caught.value.path) == (problem, "url")
    assert "hunter2" not in str(caught.value) + caught.value.hint
