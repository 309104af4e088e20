import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import TIMEOUT, TestEngine, eventually
from whale.engine.docker import host as room
from whale.engine.docker.host import (
    HostTree,
    Process,
    find_roots,
    find_tree,
    is_in_container,
    read_mark,
    read_process,
    read_processes,
)
from whale.model.ids import ContainerId

MARK = secrets.token_hex(16)


def launch(script: str) -> "subprocess.Popen[bytes]":
    made = subprocess.Popen(
        ["sh", "-c", f"{script}"],
        env={"PATH": os.environ["PATH"], "A": "1", "WHALE_SESSION": MARK, "Z": "1"},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert made.stdout is not None
    made.stdout.readline()
    return made


def shape() -> tuple[int, int, int]:
    """How many processes the tree has, in how many kernel sessions, and how many of them are unmarked."""
    tree = find_tree(read_processes(), MARK)
    return len(tree), len({p.kernel_session for p in tree}), len([p for p in tree if not p.mark])


@pytest.fixture
def root() -> Iterator["subprocess.Popen[bytes]"]:
    """A tree with children that hide: without environment, and in a kernel session of their own."""
    made = launch("env -i sleep 97531 & setsid sleep 97531 & trap '' HUP; echo up; sleep 97531; sleep 97531")
    deadline = time.monotonic() + TIMEOUT
    while shape() != (4, 2, 1):
        assert time.monotonic() < deadline, "the tree never stood"
        time.sleep(0.01)
    yield made
    with HostTree(MARK) as tree:
        while alive := tree.look(read_processes()):
            for pid in alive:
                tree.send(pid, signal.SIGKILL)
            made.poll()
            time.sleep(0.01)
    made.wait()
    assert made.stdout is not None
    made.stdout.close()


def test_a_process_is_read(root: "subprocess.Popen[bytes]") -> None:
    found = read_process(root.pid)
    assert found == Process(root.pid, os.getpid(), root.pid, root.pid, MARK)
    assert read_mark(os.getpid()) != MARK
    assert read_process(2**22 + 1) is None
    assert read_mark(2**22 + 1) == ""


def test_a_mark_counts_only_as_a_variable_of_its_own(tmp_path: Path) -> None:
    for number, environ in enumerate((b"NOT_WHALE_SESSION=x\0", b"A=WHALE_SESSION=x\0", b"", b"A=1\0")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "environ").write_bytes(environ)
        assert read_mark(number, str(tmp_path)) == ""
    (tmp_path / "9").mkdir()
    for environ in (b"WHALE_SESSION=x\0A=1\0", b"A=1\0WHALE_SESSION=x", b"A=1\0WHALE_SESSION=x\0"):
        (tmp_path / "9" / "environ").write_bytes(environ)
        assert read_mark(9, str(tmp_path)) == "x"


def test_a_zombie_is_gone() -> None:
    made = subprocess.Popen(["true"])
    os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)
    assert read_process(made.pid) is None
    made.wait()


def test_the_whole_tree_is_found(root: "subprocess.Popen[bytes]") -> None:
    found = pids(find_tree(read_processes(), MARK))
    assert root.pid in found
    assert os.getpid() not in found
    assert shape() == (4, 2, 1)


def p(pid: int, parent: int = 1, sid: int = 0, mark: str = "") -> Process:
    return Process(pid, parent, pid, sid or pid, mark)


def pids(found: list[Process]) -> set[int]:
    return {process.pid for process in found}


def test_the_rules() -> None:
    table = [p(10, mark="s"), p(11, 10), p(12, 11, sid=12), p(13, 1, sid=12), p(20), p(21, 20), p(22, mark="other")]
    assert pids(find_tree(table, "s")) == {10, 11, 12, 13}
    assert pids(find_tree(table, "nobody")) == set()
    assert pids(find_tree(table, "nobody", roots={20})) == {20, 21}


def test_a_kernel_session_counts_while_nobody_else_leads_it() -> None:
    orphan = p(31, 1, sid=30)
    assert pids(find_tree([orphan], "s", kernel_sessions={30})) == {31}
    assert pids(find_tree([orphan, p(30)], "s", kernel_sessions={30})) == set()
    outside = Process(40, 1, 0, 0, "s")
    assert pids(find_tree([outside, Process(41, 1, 0, 0, "")], "s")) == {40}


def test_who_bears_a_mark_in_somebody_elses_kernel_session_is_alone() -> None:
    shell, stray, child, other = p(50), p(51, 50, sid=50, mark="s"), p(52, 51, sid=50), p(53, 50, sid=50)
    assert pids(find_tree([shell, stray, child, other], "s")) == {51, 52}
    assert pids(find_tree([stray, child, other], "s")) == {51, 52, 53}, (
        "it was an exec's, and its first process is gone"
    )
    server = p(os.getpid())
    started = [p(61, 60, sid=server.pid, mark="s"), p(62, 60, sid=server.pid)]
    assert pids(find_tree([server, *started], "s")) == {61}


async def test_what_was_seen_is_remembered_and_signals_hit_nothing_else(root: "subprocess.Popen[bytes]") -> None:
    with HostTree(MARK) as tree:
        seen = tree.look(read_processes())
        assert len(seen) == 4
        tree.send(root.pid, signal.SIGKILL)
        root.wait()
        tree.send(root.pid, signal.SIGKILL)
        await eventually(lambda: root.pid not in tree.look(read_processes()), "gone")
        assert tree.look(read_processes()) == seen - {root.pid}
        for pid in seen - {root.pid}:
            tree.send(pid, signal.SIGKILL)
        await eventually(lambda: not tree.look(read_processes()), "gone")


def test_whose_first_process_it_is(docker: TestEngine, box_id: ContainerId) -> None:
    pid = docker.api.call("GET", f"/containers/{box_id}/json")["State"]["Pid"]
    assert is_in_container(pid, box_id)
    assert not is_in_container(pid, "0" * 64)
    assert not is_in_container(os.getpid(), box_id)
    assert not is_in_container(2**22 + 1, box_id)


class FakeProc:
    """A process file system of our own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, pid: int, *, groups: str, namespace: str = "pid:[1]") -> None:
        (self.root / str(pid) / "ns").mkdir(parents=True)
        (self.root / str(pid) / "ns" / "pid").symlink_to(namespace)
        (self.root / str(pid) / "cgroup").write_text(groups)


ONE, TWO = ContainerId("1" * 64), ContainerId("2" * 64)


def test_roots_are_commands_whose_parent_is_outside(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.add(5, groups="0::/engine\n")
    proc.add(10, groups=f"0::/docker/{ONE}\n", namespace="pid:[2]")
    proc.add(11, groups=f"0::/docker/{ONE}\n", namespace="pid:[2]")
    proc.add(12, groups=f"0::/docker/{ONE}\n", namespace="pid:[2]")
    proc.add(13, groups=f"0::/docker/{TWO}/inner\n", namespace="pid:[3]")
    proc.add(14, groups=f"0::/docker/{'3' * 64}\n", namespace="pid:[4]")
    proc.add(15, groups="0::/\n")
    table = [
        p(10, 5), p(11, 5, mark="me.a"), p(12, 11, mark="me.a"), p(13, 5, mark="me.b"), p(14, 5, mark="me.c"),
        p(15, 5, mark="me.d"), p(16, 5, mark="me.e"), p(17, 5, mark="you.f"), p(18, 5, mark="me"),
    ]  # fmt: skip
    assert find_roots(table, "me", [ONE, TWO], str(tmp_path)) == [("me.a", ONE), ("me.b", TWO)]
    left_behind = [p(10, 5), p(12, 10, mark="me.a")]
    assert find_roots(left_behind, "me", [ONE], str(tmp_path)) == []
    parent_is_gone = [p(12, 9, mark="me.a")]
    assert find_roots(parent_is_gone, "me", [ONE], str(tmp_path)) == [("me.a", ONE)]


def test_an_engines_helper_may_have_the_containers_id_in_its_group(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.add(5, groups=f"0::/libpod-conmon-{ONE}.scope\n")
    proc.add(11, groups=f"0::/libpod-{ONE}.scope\n", namespace="pid:[2]")
    assert find_roots([p(5), p(11, 5, mark="me.a")], "me", [ONE], str(tmp_path)) == [("me.a", ONE)]


def test_where_process_numbers_are_shared_the_group_decides(tmp_path: Path) -> None:
    proc = FakeProc(tmp_path)
    proc.add(5, groups="0::/engine\n")
    proc.add(11, groups=f"0::/docker/{ONE}\n")
    proc.add(12, groups=f"0::/docker/{ONE}\n")
    table = [p(5), p(11, 5, mark="me.a"), p(12, 11, mark="me.b")]
    assert find_roots(table, "me", [ONE], str(tmp_path)) == [("me.a", ONE)]


def test_who_bears_the_mark_outside_brings_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of the engine's own kernel session bears it: everything in the container is a child of the engine."""
    groups = {13: "/docker/c1", 14: "/docker/c1", 15: "/docker/c1"}
    monkeypatch.setattr(room, "_read_groups", lambda pid: groups.get(pid, "/"))
    monkeypatch.setattr(HostTree, "_pin", lambda *_: True)
    outside, engine, shim = (
        Process(10, 1, 5, 5, "mark"),
        Process(11, 1, 5, 5, ""),
        Process(12, 11, 5, 5, ""),
    )
    first, command, child = Process(13, 12, 13, 13, ""), Process(14, 12, 14, 14, "mark"), Process(15, 14, 14, 14, "")
    table = [outside, engine, shim, first, command, child]
    with HostTree("mark", container="c1") as confined:
        assert confined.look(table) == {14, 15}
        assert confined.look(table) == {14, 15}
    with HostTree("mark") as found:
        assert found.look(table) == {10, 11, 12, 13, 14, 15}
