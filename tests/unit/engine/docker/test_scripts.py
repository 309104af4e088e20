"""The scripts, run by this machine's shells: each does the same in all of them."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from whale.engine.docker.host import read_processes
from whale.engine.docker.scripts import COMMAND, END_TREE, FIND_SESSIONS, LOGIN_SHELL, SIGNAL_GROUP, WAIT_FOR_SIZE

SHELLS = [[path] for name in ("dash", "bash") if (path := shutil.which(name))]
SHELLS += [[path, "sh"] for name in ("busybox",) if (path := shutil.which(name))]


def run(shell: list[str], script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, "-c", script, *arguments],
        capture_output=True,
        text=True,
        input="\n",
        env={"PATH": os.environ["PATH"], **env},
        timeout=30,
        check=False,
    )


def end_group(root: "subprocess.Popen[bytes]") -> None:
    """End what a failed test would leave behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(root.pid, signal.SIGKILL)
    root.wait()


def test_there_are_shells_to_test_with() -> None:
    assert len(SHELLS) >= 2


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
class TestEveryShell:
    def test_the_command_gets_its_arguments_and_status(self, shell: list[str]) -> None:
        done = run(shell, WAIT_FOR_SIZE + COMMAND, "mark:", "sh", "-c", 'printf "<%s>" "$@"; exit 9', "x", "a b", "*")
        assert (done.returncode, done.stdout) == (9, "<a b><*>")

    def test_the_command_gets_no_variables_of_the_shell(self, shell: list[str]) -> None:
        names = {line.partition("=")[0] for line in run(shell, COMMAND, "mark:", "env", A="1").stdout.splitlines()}
        # bash names the program in `_` and counts itself in SHLVL, and nothing can stop it.
        assert names - ({"_", "SHLVL"} if shell[0].endswith("bash") else set()) == {"PATH", "A"}

    @pytest.mark.parametrize(
        ("command", "code", "said"),
        [
            ("no-such-program", 127, "mark:not_found"),
            ("/no/such/program", 127, "mark:not_found"),
            ("/etc/passwd", 126, "mark:not_started"),
            ("/etc", 126, "mark:not_started"),
        ],
    )
    def test_what_can_t_start_is_said_behind_the_mark(
        self, shell: list[str], command: str, code: int, said: str
    ) -> None:
        done = run(shell, COMMAND, "mark:", command)
        assert (done.returncode, done.stdout, done.stderr) == (code, said, "")

    def test_a_login_shell_is_bash_where_there_is_one(self, shell: list[str], tmp_path: Path) -> None:
        bash = tmp_path / "bash"
        bash.write_text('#!/bin/sh\necho "bash $@"\n')
        bash.chmod(0o755)
        done = run(shell, LOGIN_SHELL, PATH=str(tmp_path))
        assert done.stdout == "bash -l\n"

    def test_else_the_users_own(self, shell: list[str], tmp_path: Path) -> None:
        own = tmp_path / "own"
        own.write_text('#!/bin/sh\necho "own $@"\n')
        own.chmod(0o755)
        assert run(shell, LOGIN_SHELL, PATH=str(tmp_path), SHELL=str(own)).stdout == "own -l\n"

    def test_never_one_that_lets_nobody_in(self, shell: list[str], tmp_path: Path) -> None:
        done = run(shell, "id() { return 1; }\n" + LOGIN_SHELL + "", PATH=str(tmp_path), SHELL="/usr/sbin/nologin")
        assert done.returncode == 0

    def test_nothing_is_found_of_a_session_that_is_over(self, shell: list[str]) -> None:
        assert run(shell, END_TREE, "whale", "no-such-session", "HUP", "0").stdout == "gone\n"
        assert run(shell, SIGNAL_GROUP, "whale", "no-such-session", "HUP", "0").stdout == "none\n"

    def test_sessions_whose_command_runs_are_found(self, shell: list[str], tmp_path: Path) -> None:
        """In a process file system of our own: nothing here has a parent outside."""
        mark = "WHALE_SESSION=me." + "a" * 32
        for pid, parent, environ in (
            (10, 0, f"A=1\0{mark}\0Z=1\0"),
            (11, 0, f"{mark[:-1]}b\0"),
            (12, 1, f"{mark[:-1]}c\0"),
            (13, 0, mark.replace("me", "you")),
            (14, 0, "A=1"),
        ):
            (tmp_path / str(pid)).mkdir()
            (tmp_path / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 10 10 0\n")
            (tmp_path / str(pid) / "environ").write_text(environ)
        (tmp_path / "15").mkdir()
        (tmp_path / "16").mkdir()
        (tmp_path / "16" / "stat").write_text("16 (a) Z 0 10 10 0\n")
        (tmp_path / "16" / "environ").write_text(mark)
        done = run(shell, FIND_SESSIONS.replace("/proc/", f"{tmp_path}/"), "whale", "me")
        assert (done.stdout, done.stderr) == ("a" * 32 + "\n" + "a" * 31 + "b\n", "")

    def test_a_tree_is_ended_with_children_that_hide(self, shell: list[str]) -> None:
        session = f"{os.getpid()}-{Path(shell[0]).name}-tree"
        script = "env -i sleep 98765 & setsid sleep 98765 & trap '' HUP; wait; sleep 98765"
        root = subprocess.Popen(
            ["sh", "-c", script], env={"PATH": os.environ["PATH"], "WHALE_SESSION": session}, start_new_session=True
        )
        try:
            assert run(shell, END_TREE, "whale", session, "HUP", "2").stdout == "left\n"
            assert run(shell, END_TREE, "whale", session, "KILL", "40").stdout == "gone\n"
        finally:
            end_group(root)

    def test_who_bears_a_mark_in_somebody_elses_kernel_session_is_alone(self, shell: list[str]) -> None:
        session = f"{os.getpid()}-{Path(shell[0]).name}-stray"
        script = f"sleep 98766 & WHALE_SESSION={session} sleep 98767 & echo up; wait %2; echo gone; wait"
        root = subprocess.Popen(["bash", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
        assert root.stdout is not None
        try:
            assert root.stdout.readline() == b"up\n"
            assert run(shell, END_TREE, "whale", session, "KILL", "40").stdout == "gone\n"
            assert root.stdout.readline() == b"gone\n"
            assert root.poll() is None
            left = [process for process in read_processes() if process.group == root.pid]
            assert len(left) == 2, "the shell and its other child"
        finally:
            end_group(root)
            root.stdout.close()

    def test_a_signal_goes_to_the_roots_group(self, shell: list[str]) -> None:
        session = f"{os.getpid()}-{Path(shell[0]).name}-group"
        root = subprocess.Popen(
            ["sh", "-c", "echo up; sleep 98765"],
            env={"PATH": os.environ["PATH"], "WHALE_SESSION": session},
            start_new_session=True,
            stdout=subprocess.PIPE,
        )
        assert root.stdout is not None
        assert root.stdout.readline() == b"up\n"
        try:
            assert run(shell, SIGNAL_GROUP, "whale", session, "TERM", "0").stdout == "sent\n"
            assert root.wait(timeout=10) == -15
        finally:
            end_group(root)
            root.stdout.close()
