import pytest

from tests.unit.cli.clicked import Whale
from whale.cli import shell as shell_module
from whale.cli.app import cli
from whale.cli.options import ExecOptions


def test_click_runs_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ExecOptions]] = []

    def run(verb: str, options: ExecOptions) -> int:
        ran.append((verb, options))
        return 6

    monkeypatch.setattr(shell_module, "run_exec", run)
    args = ["shell", "-u", "me", "web", "--", "vi"]
    assert cli.main(args, prog_name="whale", standalone_mode=False) == 6
    assert ran == [("shell", ExecOptions("web", ("--", "vi"), user="me"))]


def test_help_tells_of_the_keys(whale: Whale) -> None:
    out = whale("shell", "--help").out
    assert "~." in out
    assert "--no-escape" in out
