import re
import subprocess
import sys

import click
import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.processes import PROGRAM, environment, in_terminal, run_whale
from tests.unit.client.scripted import DEADLINE, Peer, scripted
from whale.cli import main as main_module
from whale.cli.main import fail, main
from whale.model.errors import TargetError, UsageError

SLOW = (
    "asyncio",
    "click",
    "ssl",
    "http.client",
    "dataclasses",
    "inspect",
    "urllib",
    "threading",
    "email",
    "hashlib",
    "socket",
)
"""What no command line may import before it has asked for its command."""


def ends(peer: Peer) -> None:
    peer.open()
    peer.output(b"hello\n")
    peer.end(3)


@pytest.mark.parametrize("verb", ["exec", "shell"])
def test_nothing_slow_is_imported_on_the_way_to_open(verb: str) -> None:
    code = (
        "import sys\n"
        "from whale.wire.client import ClientConnection\n"
        "before = ClientConnection.open\n"
        "def opening(*args, **options):\n"
        f"    found = [name for name in {SLOW!r} if name in sys.modules]\n"
        "    sys.stderr.write(f'slow:{found}.')\n"
        "    return before(*args, **options)\n"
        "ClientConnection.open = opening\n"
        "import fcntl, termios\n"
        "from whale.cli.main import main\n"
        "sys.exit(main())\n"
    )
    with scripted(ends) as server:
        # What the coverage tool imports must not count.
        env = {name: value for name, value in environment(server.url).items() if not name.startswith("COVERAGE")}
        if verb == "shell":
            with in_terminal(server.url, "shell", "web", code=code, env=env) as terminal:
                assert terminal.wait() == 3
                assert b"slow:[]." in terminal.output
        else:
            command = [sys.executable, "-c", code, "exec", "-i", "web", "true"]
            done = subprocess.run(command, env=env, capture_output=True, timeout=DEADLINE, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (3, b"hello\n", b"slow:[].")


def test_the_status_is_the_process_own() -> None:
    with scripted(ends) as server:
        done = run_whale(server.url, "exec", "web", "true")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"hello\n", b"")


def test_main_reads_this_process(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["whale", "exec", "web", "true"])
    assert main() == 125, "nobody is logged in"


def test_exec_goes_past_click(whale: Whale) -> None:
    with scripted(ends) as server:
        whale.use(server)
        assert whale("exec", "web", "true") == (3, "hello\n", "")


def test_a_failure_is_one_line_with_what_to_do(capfd: pytest.CaptureFixture[str]) -> None:
    assert fail(TargetError("no container \x1b", hint="look")) == 125
    assert capfd.readouterr().err == "whale: no container \\x1b (look)\n"
    assert fail(UsageError("no")) == 125
    assert capfd.readouterr().err == "whale: no\n"


def test_whales_own_usage_errors_are_125_and_one_line(whale: Whale) -> None:
    for args in (["exec"], ["exec", "web"], ["nope"], ["exec", "--nope", "web", "ls"], ["logs", "--tail", "x", "web"]):
        status, out, err = whale(*args)
        assert (status, out) == (125, "")
        assert re.fullmatch(r"whale: .+ \(see whale( \w+)? --help\)\n", err), err


def test_ctrl_c_is_130_without_a_word(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "parse_fast", interrupted)
    assert whale("exec", "web", "true") == (130, "", "")


def test_the_group_is_there_for_whoever_asks() -> None:
    assert isinstance(main_module.cli, click.Group)
    with pytest.raises(AttributeError):
        _ = main_module.nothing


def test_completion_is_never_taken_for_a_command() -> None:
    more = {"_WHALE_COMPLETE": "bash_complete", "COMP_WORDS": "whale ex", "COMP_CWORD": "1"}
    done = subprocess.run(
        [*PROGRAM, "exec", "web", "true"],
        env=environment("http://127.0.0.1:1", **more),
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.stdout == b"plain,exec\n"
