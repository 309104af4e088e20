"""Logs: their form, their ids, and that no planted secret gets into one."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog

from whale.access.tokens import create_token
from whale.model.secret import Secret
from whale.server.logs import bind_ids, configure_logging, scrub


class Captured(io.StringIO):
    """A stream that may call itself a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(
    form: Literal["console", "json"] = "json",
    level: Literal["debug", "info", "warning", "error"] = "info",
    *,
    terminal: bool = False,
) -> Captured:
    stream = Captured()
    stream.terminal = terminal
    configure_logging(level, form, stream=stream)
    return stream


def test_json_is_one_object_per_line_with_time_level_and_logger() -> None:
    stream = configured()
    structlog.get_logger("whale.test").info("session.opened", cols=80, tty=True, status=None)
    (line,) = stream.objects()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "session.opened",
        "level": "info",
        "logger": "whale.test",
        "cols": 80,
        "tty": True,
        "status": None,
    }


def test_the_level_holds_for_ours_and_for_libraries() -> None:
    stream = configured(level="warning")
    for log in (structlog.get_logger("whale.test"), logging.getLogger("aiohttp.server")):
        log.info("quiet")
        log.warning("loud")
    assert [(line["event"], line["logger"]) for line in stream.objects()] == [
        ("loud", "whale.test"),
        ("loud", "aiohttp.server"),
    ]


def test_a_logger_made_before_the_set_up_works() -> None:
    log = structlog.get_logger("whale.early")
    stream = configured()
    log.info("late")
    assert stream.objects()[0]["event"] == "late"


def test_chatty_libraries_are_quiet() -> None:
    stream = configured()
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    assert stream.getvalue() == ""


def test_configuring_twice_logs_once() -> None:
    first, stream = configured(), configured()
    structlog.get_logger("whale.test").info("once")
    assert first.getvalue() == ""
    assert len(stream.objects()) == 1


async def test_ids_are_bound_to_a_task_and_its_children() -> None:
    stream = configured()
    log = structlog.get_logger("whale.test")

    async def one(session: str) -> None:
        with bind_ids(session=session, principal="alice"):
            await asyncio.sleep(0)
            log.info("inside", container="web")
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
        log.info("outside", was=session)

    async def child() -> None:
        log.info("child")

    await asyncio.gather(one("s1"), one("s2"))
    lines = stream.objects()
    assert {line["session"] for line in lines if line["event"] == "inside"} == {"s1", "s2"}
    assert {line["session"] for line in lines if line["event"] == "child"} == {"s1", "s2"}
    assert all("session" not in line for line in lines if line["event"] == "outside")
    assert all(line["container"] == "web" for line in lines if line["event"] == "inside")


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_planted_secret_comes_out(form: Literal["console", "json"]) -> None:
    stream = configured(form, "debug")
    log = structlog.get_logger("whale.test")
    text = create_token().text.reveal()
    log.info("secret", token=Secret(text), nested={"list": [Secret(text)]})
    log.info("plain", token=text, nested={"header": [f"Bearer {text}"]}, pair=(text, text))
    log.info(f"in the event {text}")
    log.warning("header %s", f"Bearer {text}")
    log.info("key", **{text: 1})
    log.info("bytes", data=text.encode())
    log.info("damaged", token=text[:-1], longer=text + "x")
    logging.getLogger("library").warning("asked with %s", {"Authorization": f"Bearer {text}"})
    with bind_ids(session=text):
        log.info("bound")
    try:
        token = text
        raise ValueError(f"bad token {token}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    output = stream.getvalue()
    assert output.count("ValueError") >= 2
    assert output.count("[removed]") >= 12
    assert text[18:40] not in output
    assert text[30:60] not in output


@pytest.mark.parametrize("form", ["json", "console"])
def test_local_variables_are_not_logged(form: Literal["console", "json"]) -> None:
    stream = configured(form, terminal=True)
    try:
        password = "hunter2"
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger("whale.test").exception("failed")
    assert "hunter2" not in stream.getvalue().replace('password = "hunter2"', "")
    assert "Traceback" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [removed]"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic [removed]"),
        ("whale_" + "a" * 61, "whale_[removed]"),
        ("WHALE_" + "a" * 61, "WHALE_[removed]"),
        ("whale_session whale_server.py", "whale_session whale_server.py"),
        ("the bearer of news, basic words", "the bearer of news, basic words"),
    ],
)
def test_what_is_scrubbed(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize("form", ["json", "console"])
def test_text_from_outside_forges_no_line(form: Literal["console", "json"]) -> None:
    stream = configured(form)
    hostile = 'web\n{"event": "forged"}\x1b[2J\x9b31m\r'
    log = structlog.get_logger("whale.test")
    log.info("started", container=hostile, nested=[hostile])
    log.info(f"event {hostile}")
    logging.getLogger("library").warning("name %s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        log.exception("failed")
    output = stream.getvalue()
    assert not set("\x1b\x9b\r") & set(output)
    if form == "json":
        assert stream.objects()[0]["event"] == "started"
        assert len(stream.objects()) == 4
    else:
        assert output.splitlines()[0].count("forged") == 2


def test_colours_only_on_a_terminal() -> None:
    for terminal in (False, True):
        stream = configured("console", terminal=terminal)
        structlog.get_logger("whale.test").info("hello")
        assert ("\x1b[" in stream.getvalue()) is terminal


def test_the_default_is_stderr() -> None:
    program = (
        "from whale.server.logs import configure_logging; import structlog;"
        "configure_logging('info', 'json'); structlog.get_logger('x').info('hello')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "hello"
