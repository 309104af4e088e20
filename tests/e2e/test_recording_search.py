"""A session in a real container is found by what was on its screen and what was typed, and opens at that moment."""

import json
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_recordings import POLICIES, People
from tests.engines import TestEngine
from tests.server_process import ServerProcess, running_server
from whale.model.ids import ContainerId

LIMIT = 30.0


@pytest.fixture
def server(docker: TestEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "all.cedar").write_text(POLICIES)
    monkeypatch.setenv("WHALE_SERVER_POLICY_DIR", str(directory))
    with running_server(docker.url, tmp_path) as server:
        yield server


def search(people: People, *words: str) -> list[dict[str, Any]]:
    """What is found, when something is."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        done = people("olga", "recordings", "search", "--format", "json", *words)
        assert done.returncode == 0, done.stderr
        if found := json.loads(done.stdout):
            return found  # type: ignore[no-any-return]
    raise AssertionError(f"nothing is found of {words}")


def test_an_editor_and_a_shell_are_found_and_open_at_that_moment(
    server: ServerProcess, workshop: ContainerId, tmp_path: Path
) -> None:
    people = People(server, tmp_path / "state")
    with closing(people.terminal("alice", "exec", "-it", workshop, "bash", "--norc", "-i")) as shell:
        shell.read_until(b"# ")
        # Edited in the line: what was typed is not what stands there.
        shell.type(b"echo drpo\x7f\x7fop table us''ers\x1b[D\x1b[D\n")
        shell.read_until(b"drop table users")
        shell.type(b"vim.tiny -n -u NONE -N /tmp/plan.txt\n")
        shell.read_until(b"plan.txt")
        shell.type(b"iquarterly \x1b:s/quarterly /the quarterly zephyr plan/\n")
        shell.read_until(b"zephyr")
        shell.type(b"yy5p:set number\n:redraw!\n:wq\n")
        shell.read_match(re.compile(rb"1049l[^#]*# "))
        shell.type(b"exit\n")
        assert shell.wait() == 0
    lines = search(people, "the", "quarterly", "zephyr", "plan")
    [shown, *_] = [one for one in lines if one["line"] == "the quarterly zephyr plan"]
    assert (shown["person"], shown["kind"]) == ("alice", "screen")
    assert search(people, '"drop table users"')[0]["line"].endswith("drop table users")
    typed = [one for one in search(people, "vim.tiny", "plan.txt") if one["kind"] == "typed"]
    assert typed[0]["line"] == "vim.tiny -n -u NONE -N /tmp/plan.txt"
    # It opens where it is.
    for found, text in ((shown, b"zephyr"), (typed[0], b"plan.txt")):
        command = shlex.split(str(found["play"]))[1:]
        with closing(people.terminal("olga", *command)) as player:
            player.read_until(text)
            player.type(b"q")
            assert player.wait() == 0


def test_what_may_not_be_read_or_is_deleted_is_not_found(
    server: ServerProcess, container: ContainerId, tmp_path: Path
) -> None:
    people = People(server, tmp_path / "state")
    assert people("alice", "exec", "-t", container, "echo", "xylophone-one").returncode == 0
    [found] = search(people, "xylophone")
    assert json.loads(people("alice", "recordings", "search", "--format", "json", "xylophone").stdout) == []
    index = tmp_path / "state" / "recordings" / "index"
    assert any(b"xylophone" in path.read_bytes() for path in index.iterdir())
    assert people("olga", "recordings", "delete", found["recording"]).returncode == 0
    assert json.loads(people("olga", "recordings", "search", "--format", "json", "xylophone").stdout) == []
    assert not any(b"xylophone" in path.read_bytes() for path in index.iterdir())


def test_a_server_that_was_killed_indexes_what_it_had_not(
    server: ServerProcess, container: ContainerId, tmp_path: Path
) -> None:
    people = People(server, tmp_path / "state")
    script = "i=0; while [ $i -lt 3000 ]; do echo wombat-$i of them, with words enough for some parts; i=$((i+1)); done"
    assert people("alice", "exec", "-t", container, "sh", "-c", script).returncode == 0
    server.kill()
    server.start()
    assert search(people, "wombat-2999")
    found = search(people, "wombat", "enough", "-n", "1000")
    assert len({one["line"] for one in found}) == len(found)


def test_who_plays_goes_from_hit_to_hit(server: ServerProcess, container: ContainerId, tmp_path: Path) -> None:
    people = People(server, tmp_path / "state")
    script = "for i in one two three; do sleep 2; echo marlin-$i; done"
    assert people("alice", "exec", "-t", container, "sh", "-c", script).returncode == 0
    hits = search(people, "marlin")
    assert [hit["line"] for hit in hits] == ["marlin-one", "marlin-two", "marlin-three"]
    with closing(people.terminal("olga", "play", "--find", "marlin", str(hits[0]["recording"]))) as player:
        player.read_until(b"marlin-one")
        player.type(b" n")  # it stands still where it is put
        player.read_until(b"marlin-two")
        assert b"marlin-three" not in player.output
        player.type(b"n")
        player.read_until(b"marlin-three")
        player.output = b""
        player.type(b"N")
        player.read_until(b"marlin-two")
        assert b"marlin-three" not in player.output
        player.type(b"q")
        assert player.wait() == 0
