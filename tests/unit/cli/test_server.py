"""The `whale-server` command: what it prints where, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from whale import __version__
from whale.cli.server import invoke, main
from whale.model.errors import WhaleError

SERVER = (sys.executable, "-c", "from whale.cli.server import main; main()")


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_SERVER_STATE_DIR", str(tmp_path / "state"))


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["version"]) == 0
    assert capsys.readouterr().out == f"whale-server {__version__}\n"


def test_help_shows_options_commands_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("-h", "--help"):
        assert invoke([flag]) == 0
        out = capsys.readouterr().out
        for word in ("--listen", "--behind-tls-proxy", "config", "token", "version", "Examples:", "user add alice"):
            assert word in out


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["serv"], "whale-server: no such command 'serv'", "`whale-server --help`"),
        (["--lisen", "x"], "whale-server: no such option", "`whale-server --help`"),
        (["--listen"], "whale-server: option '--listen' requires an argument", "`whale-server --help`"),
        (["token", "create"], "whale-server: missing argument 'NAME'", "`whale-server token create --help`"),
        (["version", "x"], "whale-server: got unexpected extra argument (x)", "`whale-server version --help`"),
    ],
)
def test_wrong_usage_is_status_2_and_two_lines(
    args: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(args) == 2
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith(message)
    assert second == f"hint: see {hint}"


def test_a_group_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["token"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Examples:" in err


def test_a_wrong_setting_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["--listen", "0.0.0.0:7433"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("whale-server: listen: refusing")
    assert "flag --listen" in err
    assert "hint: give --tls-cert" in err


def test_an_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("whale.cli.server_options.load_config", interrupt)
    monkeypatch.setattr("sys.argv", ["whale-server"])
    assert invoke(["config", "check"]) == 130
    assert invoke(["token", "list"]) == 130


def test_without_a_command_it_serves_until_told_to_stop(tmp_path: Path) -> None:
    command = [*SERVER, "--listen", "127.0.0.1:0", "--engine", "fake://"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        announced = ""
        while "127.0.0.1:" not in announced:
            line = process.stderr.readline()
            assert line, f"it ended before it listened: {announced}"
            announced += line
        port = int(announced.rpartition("127.0.0.1:")[2].split()[0].rstrip("/.,"))
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait(timeout=10)


def test_a_port_in_use_is_status_1_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [*SERVER, "--listen", listen, "--engine", "fake://"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "whale-server: listen: " in done.stderr
    assert "Traceback" not in done.stderr


def failing_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr("whale.server.run.run", fail)


def test_errors_out_of_task_groups_are_told_like_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = WhaleError("the door is stuck", hint="push")
    for wrapped in (error, ExceptionGroup("one", [error]), ExceptionGroup("two", [ExceptionGroup("in", [error])])):
        failing_with(monkeypatch, wrapped)
        assert invoke([]) == 1
        assert capsys.readouterr().err == "whale-server: the door is stuck\nhint: push\n"


def test_a_fault_of_our_own_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for fault in (KeyError("bug"), ExceptionGroup("mixed", [WhaleError("known"), KeyError("bug")])):
        failing_with(monkeypatch, fault)
        with pytest.raises(type(fault)):
            invoke([])


def test_the_entry_point_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["whale-server", "nonsense"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2


def test_help_is_quick() -> None:
    program = "import sys, whale.cli.server; print(sorted({'sqlalchemy', 'aiohttp', 'alembic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
