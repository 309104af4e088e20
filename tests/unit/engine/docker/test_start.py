import base64
import json

from whale.engine.docker.start import (
    are_our_keys,
    detach_keys,
    environment,
    is_server_id,
    marked_session,
    plan_start,
    session_mark,
    sets_first_size,
)
from whale.model.exec import ExecSpec
from whale.model.ids import SessionId
from whale.model.terminal import TerminalSize

SIZE = TerminalSize(cols=111, rows=33)
TTY = ExecSpec(command=("vi", "a b"), tty=True, size=SIZE)


def test_a_pipe_runs_the_command_itself() -> None:
    plan = plan_start(ExecSpec(command=("true",)), api=(1, 41), kind="docker")
    assert (plan.command, plan.stdin, plan.waits_for_size, plan.mark) == (("true",), False, False, b"")
    assert json.loads(plan.start_body) == {"Detach": False, "Tty": False}


def test_a_terminal_on_an_old_engine_waits_for_its_size() -> None:
    plan = plan_start(TTY, api=(1, 41), kind="docker")
    assert plan.waits_for_size
    assert plan.stdin
    assert plan.command[:2] == ("/bin/sh", "-c")
    assert plan.command[2].startswith("read -r _\n")
    assert plan.command[3].encode() == plan.mark
    assert plan.command[4:] == ("vi", "a b")
    assert plan.mark != plan_start(TTY, api=(1, 41), kind="docker").mark


def test_a_newer_engine_is_told_the_size() -> None:
    plan = plan_start(TTY, api=(1, 42), kind="docker")
    assert plan.command == ("vi", "a b")
    assert not plan.waits_for_size
    assert json.loads(plan.start_body)["ConsoleSize"] == [33, 111]


def test_podman_is_told_the_size_in_its_own_way() -> None:
    plan = plan_start(TTY, api=(1, 41), kind="podman")
    assert plan.command == ("vi", "a b")
    assert json.loads(plan.start_body) == {"Detach": False, "Tty": True, "h": 33, "w": 111}


def test_without_wrapper_or_size_nothing_waits() -> None:
    assert not plan_start(TTY, api=(1, 41), kind="docker", wrap=False).waits_for_size
    assert not plan_start(TTY._replace(size=None), api=(1, 41), kind="docker").waits_for_size


def test_a_login_shell_is_a_script() -> None:
    old = plan_start(ExecSpec(tty=True, size=SIZE), api=(1, 41), kind="docker")
    new = plan_start(ExecSpec(tty=True, size=SIZE), api=(1, 44), kind="docker")
    assert old.is_login_shell
    assert new.is_login_shell
    assert old.command == ("/bin/sh", "-c", "read -r _\n" + new.command[2])
    assert len(old.command) == 3


def test_who_sets_the_first_size() -> None:
    assert not sets_first_size((1, 41), "docker")
    assert sets_first_size((1, 42), "docker")
    assert sets_first_size((1, 41), "podman")


def test_the_mark_in_the_environment_is_ours() -> None:
    spec = ExecSpec(env=(("A", "1=2"), ("WHALE_SESSION", "forged")))
    assert environment(spec, "s1") == ["A=1=2", "WHALE_SESSION=s1"]


def test_detach_keys_are_long_random_and_begin_harmlessly() -> None:
    keys = detach_keys().split(",")
    assert keys[0] == "ctrl-@"
    assert len(keys) == 16
    assert len({detach_keys() for _ in range(100)}) == 100
    assert "ctrl-p" not in keys[:1]


def test_a_mark_says_whose_session_it_is() -> None:
    mark = session_mark(SessionId("s1"), server="me")
    assert mark == "me.s1"
    assert marked_session(mark, server="me") == "s1"
    for other in ("you", "m", "me.s1", ""):
        assert marked_session(mark, server=other) is None
    assert session_mark(SessionId("s1"), server="") == "s1"
    for nobodys in ("s1", "", "me.", "me"):
        assert marked_session(nobodys, server="me") is None


def test_a_servers_id_is_harmless_in_a_script() -> None:
    assert is_server_id("0a-B_9")
    assert is_server_id("f" * 64)
    for bad in ("", "a.b", "a b", "a'", "a\n", "*", "ä", "f" * 65):
        assert not is_server_id(bad)


def test_our_detach_keys_are_known_again() -> None:
    keys = detach_keys()
    assert are_our_keys(keys)
    as_bytes = bytes((0, *(ord(key[-1]) - 96 for key in keys.split(",")[1:])))
    assert are_our_keys(base64.b64encode(as_bytes).decode())
    for other in ("", "ctrl-p,ctrl-q", "ctrl-@,ctrl-a", "EBE=", base64.b64encode(b"x" * 16).decode(), "no base64!"):
        assert not are_our_keys(other)
