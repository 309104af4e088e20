import click
import pytest

from tests.unit.cli.clicked import Whale
from whale import __version__
from whale.cli.app import COMMANDS, cli, click_options
from whale.cli.options import EXEC_OPTIONS


def test_every_command_can_be_imported_and_has_a_line_of_help() -> None:
    context = click.Context(cli)
    assert cli.list_commands(context) == sorted(COMMANDS)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(), name
    assert cli.get_command(context, "nope") is None


def test_help_and_version(whale: Whale) -> None:
    for flag in ("-h", "--help"):
        outcome = whale(flag)
        assert outcome.status == 0
        assert all(name in outcome.out for name in COMMANDS)
    assert whale("--version") == (0, f"whale {__version__}\n", "")


def test_without_a_command_help_goes_to_stderr(whale: Whale) -> None:
    status, out, err = whale()
    assert (status, out) == (125, "")
    assert "Commands:" in err


@pytest.mark.parametrize(("typed", "meant"), [("exce", "exec"), ("shel", "shell"), ("verison", "version")])
def test_a_near_miss_is_suggested(whale: Whale, typed: str, meant: str) -> None:
    assert f"Did you mean '{meant}'?" in whale(typed).err


def test_a_far_miss_is_not() -> None:
    with pytest.raises(click.UsageError) as caught:
        cli.resolve_command(click.Context(cli), ["zzz"])
    assert "mean" not in caught.value.message


def test_options_come_from_the_table() -> None:
    options = click_options(EXEC_OPTIONS)
    assert [option.name for option in options] == [spec.name for spec in EXEC_OPTIONS]


def test_an_abort_is_130(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    def abort(*args: object, **kwargs: object) -> None:
        raise click.Abort

    monkeypatch.setattr(cli, "main", abort)
    assert whale("ps") == (130, "", "")
