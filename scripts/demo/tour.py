"""The tour for where nobody sits at a terminal: each step does what a person would, and checks what came of it."""

import json
import time
from collections.abc import Callable
from typing import NamedTuple

from scripts.demo.client import WHALE, Client
from scripts.demo.samples import DB, WEB
from scripts.demo.server import create_token, revoke_token
from scripts.demo.terminal import Terminal, opened
from scripts.provision.paths import DEMO

_DUMP = DEMO / "app.sql"
_COPY = "app_copy"
_CHECKSUM = (
    "select (select count(*) || ' orders ' || md5(string_agg(o::text, '|' order by id)) from orders o) || ', '"
    " || (select count(*) || ' customers ' || md5(string_agg(c::text, '|' order by id)) from customers c)"
)
_WHALE_FAILED = 125


class TourError(Exception):
    """A step came out wrong."""


class Stage(NamedTuple):
    """What the tour plays on."""

    client: Client
    shell: str
    """The container that gets the shell."""
    samples: bool
    """Whether the sample containers are there."""


Step = Callable[[Stage], str]


def run_tour(stage: Stage) -> bool:
    """Take every step, one line each with its time; tells whether all came out right."""
    steps = [*(_WITH_SAMPLES if stage.samples else ()), *_ANYWHERE]
    outcomes = [_take(step, stage) for step in steps]
    return all(outcomes)


def _take(step: Step, stage: Stage) -> bool:
    title = (step.__doc__ or step.__name__).strip()
    start = time.monotonic()
    try:
        outcome, word = step(stage), "ok"
    except (TourError, TimeoutError) as error:
        outcome, word = str(error), "FAILED"
    print(f"{word:6} {time.monotonic() - start:6.2f} s  {title}: {outcome}", flush=True)
    return word == "ok"


def _same(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise TourError(f"{what} is {got!r}, not {wanted!r}")


def _output(stage: Stage, *arguments: str) -> str:
    """Standard output of a command that has to succeed."""
    done = stage.client.run(*arguments)
    if done.returncode != 0:
        raise TourError(f"whale {arguments[0]} ended with {done.returncode}: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def list_containers(stage: Stage) -> str:
    """whale ps"""
    rows = json.loads(_output(stage, "ps", "--format", "json"))
    running = {row["name"] for row in rows if row["state"] == "running"}
    _same("the list of samples", sorted({WEB, DB} & running), sorted((WEB, DB)))
    return f"{WEB} and {DB} run"


def run_command(stage: Stage) -> str:
    """whale exec: output, errors and exit status apart"""
    done = stage.client.run("exec", WEB, "sh", "-c", "echo to stdout; echo to stderr >&2; exit 7")
    _same("stdout", done.stdout, b"to stdout\n")
    _same("stderr", done.stderr, b"to stderr\n")
    _same("the exit status", done.returncode, 7)
    return "each where it belongs, status 7"


def read_page(stage: Stage) -> str:
    """whale exec: the page of a web server that has no network"""
    page = _output(stage, "exec", WEB, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
    if "<h1>" not in page:
        raise TourError(f"not the page: {page!r}")
    return page.partition("<h1>")[2].partition("</h1>")[0]


def dump_database(stage: Stage) -> str:
    """whale exec whale-demo-db pg_dump app > app.sql"""
    done = stage.client.run("exec", DB, "pg_dump", "app", stdout=_DUMP)
    _same("the exit status", done.returncode, 0)
    if b"PostgreSQL database dump complete" not in _DUMP.read_bytes()[-200:]:
        raise TourError("the dump has no end")
    return f"{_DUMP.stat().st_size:,} bytes"


def restore_database(stage: Stage) -> str:
    """whale exec -i whale-demo-db psql app_copy < app.sql"""
    _output(stage, "exec", DB, "dropdb", "--if-exists", _COPY)
    _output(stage, "exec", DB, "createdb", _COPY)
    done = stage.client.run("exec", "-i", DB, "psql", "-q", "-v", "ON_ERROR_STOP=1", _COPY, stdin=_DUMP)
    if done.returncode != 0:
        raise TourError(f"psql ended with {done.returncode}: {done.stderr.decode().strip()}")
    return "restored into a second database"


def compare_databases(stage: Stage) -> str:
    """rows and checksums of both databases"""
    original, copy = (_output(stage, "exec", DB, "psql", "-qAt", "-c", _CHECKSUM, name) for name in ("app", _COPY))
    _same("the copy", copy, original)
    counts = original.split()
    if int(counts[0]) < 1000:
        raise TourError(f"too few rows to compare: {original!r}")
    return f"equal: {counts[0]} orders, {counts[3]} customers"


def use_shell(stage: Stage) -> str:
    """whale shell in a pseudo-terminal"""
    command = [WHALE, "shell", stage.shell]
    with opened(command, stage.client.environment(), cols=90, rows=28) as terminal:
        modes = terminal.modes()
        terminal.expect(r"[#$] ?(\x1b\S*)?$")
        terminal.type("stty size\r")
        terminal.expect(r"\b28 90\b")
        _see_new_size(terminal, cols=120, rows=40)
        # The word comes from the very process that sleeps: it is in the foreground by then.
        terminal.type("sh -c 'echo begun-$((6*7)); exec sleep 600'\r")
        terminal.expect("begun-42")
        terminal.type("\x03")
        terminal.type("echo status=$?\r")
        terminal.expect("status=130")
        terminal.type("exit 3\r")
        _same("the exit status", terminal.wait(), 3)
        if terminal.modes() != modes:
            raise TourError("the terminal was not restored")
    return "90×28, resized to 120×40, Ctrl-C ended a sleep, exit status 3, terminal restored"


def _see_new_size(terminal: Terminal, *, cols: int, rows: int) -> None:
    """Ask until the new size shows: it travels beside the keys, not in line with them."""
    terminal.resize(cols=cols, rows=rows)
    deadline = time.monotonic() + 10
    while True:
        terminal.type("stty size\r")
        if terminal.expect(r"\b\d+ \d+\b").strip() == f"{rows} {cols}":
            return
        if time.monotonic() > deadline:
            raise TourError("the new size did not arrive")


def refuse_wrong_token(stage: Stage) -> str:
    """a wrong token"""
    token = stage.client.token
    wrong = stage.client._replace(token=token[:-4] + ("0000" if token[-4:] != "0000" else "1111"))
    return _refusal(wrong, "ps", secret=wrong.token)


def refuse_revoked_token(stage: Stage) -> str:
    """a token that was revoked"""
    name, token = create_token()
    revoke_token(name)
    return _refusal(stage.client._replace(token=token), "ps", secret=token)


def name_missing_container(stage: Stage) -> str:
    """a container that is not there"""
    return _refusal(stage.client, "exec", "whale-demo-nowhere", "true", secret=stage.client.token)


def _refusal(client: Client, *arguments: str, secret: str) -> str:
    done = client.run(*arguments)
    message = done.stderr.decode().strip()
    _same("the exit status", done.returncode, _WHALE_FAILED)
    _same("stdout", done.stdout, b"")
    if not message or secret in message or "Traceback" in message:
        raise TourError(f"not a message for a person: {message!r}")
    return f"refused with status 125: {message}"


_WITH_SAMPLES: tuple[Step, ...] = (
    list_containers,
    run_command,
    read_page,
    dump_database,
    restore_database,
    compare_databases,
)
_ANYWHERE: tuple[Step, ...] = (use_shell, refuse_wrong_token, refuse_revoked_token, name_missing_container)
