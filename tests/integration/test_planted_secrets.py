"""Secrets that are put in at every door of a server, and then looked for in everything that it has written."""

import base64
import http.client
import json
import re
import sqlite3
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server_process import ServerProcess, running_server, whale_server
from whale.access.tokens import create_token

WHALE = str(Path(sys.executable).with_name("whale"))

TYPED = "typed-Xa4TqLw8rZ2mVb6y"
ENVIRONMENT = "environment-Jh5KsPd9fGt3nQe7"
ARGUMENT = "argument-Rc6YvMx2bWk8zUo4"
HEADER = "header-Ns7HgFj3lPq9aTi5"
COOKIE = "cookie-Dv8CuEy4oSw1xKr6"
SINK = "sink-Bz9LnGm5iHp2dJt7"

OWN_KEYS = ("ca.key", "server.key")
"""Files that hold a secret because that is what they are for."""


class Found:
    """What a server has said and written, by where."""

    def __init__(self) -> None:
        self.texts: dict[str, bytes] = {}

    def add(self, name: str, text: bytes) -> None:
        self.texts[name] = self.texts.get(name, b"") + text

    def places_of(self, secret: str) -> list[str]:
        forms = {secret, urllib.parse.quote(secret), base64.b64encode(secret.encode()).decode(), secret.encode().hex()}
        return [name for name, text in self.texts.items() if any(form.encode() in text for form in forms)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    (tmp_path / "sink.token").write_text(SINK)
    settings = tmp_path / "server.toml"
    settings.write_text(
        f"""
        [log]
        level = "debug"
        format = "json"
        [audit]
        file = "{tmp_path}/audit.jsonl"
        url = "http://127.0.0.1:9/"
        url_token = "{tmp_path}/sink.token"
        [policy]
        audit = true
        """
    )
    with running_server("fake://web", tmp_path / "server", "--config", str(settings)) as started:
        yield started


def whale(server: ServerProcess, *args: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WHALE, *args], env=server.environment, input=typed, capture_output=True, text=True, timeout=30, check=False
    )


def ask(server: ServerProcess, found: Found, path: str, **headers: str) -> None:
    """Ask, and keep what was answered."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        found.add(f"the answer to {headers.keys()}", str(answer.getheaders()).encode() + answer.read())


def log_in(server: ServerProcess, folder: Path, found: Found) -> dict[str, str]:
    """The credentials of a person, each used as it is meant, and then once too often."""
    added = subprocess.run(
        whale_server("user", "add", "carol", state_dir=folder / "server" / "state"),
        capture_output=True,
        text=True,
        check=True,
    )
    code = re.findall(r"whale_[0-9A-Za-z]{61}", added.stdout)[0]
    first = exchange(server, found, "enrol", code)
    second = exchange(server, found, "refresh", first["refresh_token"])
    ask(server, found, "/1.0/version", Authorization=f"Bearer {second['access_token']}")
    for path, shown in (("enrol", code), ("refresh", second["access_token"]), ("logout", second["refresh_token"])):
        exchange(server, found, path, shown)
    secrets = {"the link": code, "access": second["access_token"], "refresh": second["refresh_token"]}
    return {**secrets, "the first access": first["access_token"], "the first refresh": first["refresh_token"]}


def exchange(server: ServerProcess, found: Found, path: str, credential: str) -> dict[str, str]:
    """Exchange a credential; what is handed out is not kept, and what is refused is."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("POST", f"/1.0/login/{path}", headers={"Authorization": f"Bearer {credential}"})
        answer = connection.getresponse()
        body = answer.read()
    if answer.status == 200:
        tokens: dict[str, str] = json.loads(body)
        return tokens
    found.add("the answers to logins", body)
    return {}


def strangers(server: ServerProcess, found: Found, wrong: str) -> None:
    """Credentials wherever somebody may put one."""
    right = server.token
    for credential in (f"Bearer {wrong}", f"Bearer {right}x", f"Bearer {HEADER}", f"Basic {HEADER}", HEADER, right):
        ask(server, found, "/1.0/version", Authorization=credential)
    for secret in (right, wrong, HEADER):
        for path in (f"/1.0/version?token={secret}", f"/{secret}", f"/1.0/sessions/{secret}", f"/1.0/can?{secret}=1"):
            ask(server, found, path)
        ask(server, found, "/1.0/version", User_Agent=secret, Referer=f"http://x/?t={secret}", X_Forwarded_For=secret)
    ask(server, found, "/1.0/version", Cookie=f"session={COOKIE}; token={right}", Origin=f"https://{COOKIE}.example")
    ask(server, found, "/1.0/version", Authorization=f"Bearer {right}", Cookie=f"session={COOKIE}")
    ask(server, found, "/1.0/shell", Authorization=f"Bearer {right}", Sec_WebSocket_Protocol=HEADER)


def users(server: ServerProcess, found: Found) -> None:
    """What people do with secrets in good faith."""
    commands: list[tuple[list[str], str]] = [
        (["-i", "web", "cat"], TYPED),
        (["-e", f"DB_PASSWORD={ENVIRONMENT}", "-e", f"API_TOKEN={ENVIRONMENT}", "web", "true"], ""),
        (["web", "true", f"--password={ARGUMENT}"], ""),
        (["web", "true", "--token", ARGUMENT], ""),
        (["web", "true", f"PGPASSWORD={ARGUMENT}"], ""),
        (["web", "true", f"postgres://app:{ARGUMENT}@db/app"], ""),
        (["web", "true", "-H", f"Authorization: Bearer {ARGUMENT}"], ""),
        (["web", "not-there", f"--secret={ARGUMENT}"], ""),
        (["nowhere", "true", f"--password={ARGUMENT}"], ""),
    ]
    for arguments, typed in commands:
        done = whale(server, "exec", *arguments, typed=typed)
        found.add("what whale said", done.stderr.encode())
    for arguments in (["ps"], ["sessions"], ["can", "shell", "web"], ["audit"], ["logs", "web"]):
        done = whale(server, *arguments)
        found.add("what whale said", done.stdout.encode() + done.stderr.encode())


def written(server: ServerProcess, folder: Path, found: Found) -> None:
    """All that is on disk, and what can be asked for."""
    state = folder / "server" / "state"
    found.add("the log", server.log().encode())
    found.add("the audit file", (folder / "audit.jsonl").read_bytes())
    for file in state.rglob("*"):
        if file.is_file() and file.name not in OWN_KEYS:
            found.add(f"state/{file.name}", file.read_bytes())
    with closing(sqlite3.connect(f"file:{state}/whale.db?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                found.add(f"table {table}", repr(row).encode())
    listed = subprocess.run(whale_server("token", "list", "--format", "json", state_dir=state), capture_output=True)
    found.add("the list of tokens", listed.stdout + listed.stderr)
    found.add("the command line", Path(f"/proc/{server.process.pid}/cmdline").read_bytes())


def test_what_is_secret_is_found_nowhere(server: ServerProcess, tmp_path: Path) -> None:
    found, wrong = Found(), create_token().text.reveal()
    users(server, found)
    strangers(server, found, wrong)
    ask(server, found, "/metrics", Authorization=f"Bearer {server.token}")
    of_carol = log_in(server, tmp_path, found)
    assert server.process.poll() is None
    written(server, tmp_path, found)
    secrets = {
        "the token": server.token,
        "its secret part": server.token[18:61],
        "a wrong token": wrong,
        "its secret part too": wrong[18:61],
        "typed": TYPED,
        "environment": ENVIRONMENT,
        "argument": ARGUMENT,
        "header": HEADER,
        "cookie": COOKIE,
        "sink": SINK,
        **of_carol,
        **{f"the secret part of {name}": token[18:61] for name, token in of_carol.items()},
    }
    assert {name: places for name, secret in secrets.items() if (places := found.places_of(secret))} == {}
    # The same search finds what is there: it is not blind.
    assert "the log" in found.places_of("http.request")
    assert set(found.places_of("not-there")) >= {"the audit file", "table audit_events", "what whale said"}
    assert b"auth." in found.texts["the answers to logins"]
    kinds = {json.loads(line)["kind"] for line in found.texts["the audit file"].splitlines()}
    assert kinds >= {"session.opened", "session.ended", "auth.refused", "request.failed", "login.begun"}
    assert len(found.texts["what whale said"]) > 1000
