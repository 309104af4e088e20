import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import scripted
from whale.cli import exec as exec_module
from whale.cli.app import GlobalOptions, cli
from whale.cli.options import ExecOptions


def test_click_runs_the_same_command(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ExecOptions]] = []

    def run(verb: str, options: ExecOptions) -> int:
        ran.append((verb, options))
        return 6

    monkeypatch.setattr(exec_module, "run_exec", run)
    args = ["--context", "c", "exec", "-i", "-e", "A=1", "-e", "B", "web", "ls", "-l"]
    assert cli.main(args, prog_name="whale", standalone_mode=False) == 6
    expected = ExecOptions("web", ("ls", "-l"), context="c", interactive=True, env=("A=1", "B"))
    assert ran == [("exec", expected)]


def test_options_are_collected() -> None:
    values = {"container": "web", "command": ("ls",), "tty": True}
    assert exec_module.exec_options(GlobalOptions("c", True), values) == ExecOptions(
        "web", ("ls",), context="c", insecure_http=True, tty=True
    )


def test_dockers_equals_sign_is_left_to_click_and_refused(whale: Whale) -> None:
    with scripted(lambda peer: None) as server:
        whale.use(server)
        status, _, err = whale("exec", "-u=x", "web", "ls")
    assert status == 125
    assert "write -u x" in err
    assert server.peers == []


def test_help_shows_every_flag(whale: Whale) -> None:
    out = whale("exec", "--help").out
    for flag in ("-i, --interactive", "-t, --tty", "-u, --user", "-w, --workdir", "-e, --env", "--privileged"):
        assert flag in out
