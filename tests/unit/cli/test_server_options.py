"""Options become settings."""

import click
from click.testing import CliRunner

from whale.cli.server_options import ServerOptions, flags_of, place_options, server_options
from whale.server.config import settings


def parsed(*args: str) -> dict[str, object]:
    seen: dict[str, object] = {}

    @click.command()
    @server_options
    def command(**values: object) -> None:
        seen.update(flags_of(values))

    result = CliRunner().invoke(command, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen


def test_options_not_given_set_nothing() -> None:
    assert parsed() == {}


def test_every_flag_of_the_settings_is_an_option_and_sets_it() -> None:
    for path, setting in settings().items():
        if setting.flag:
            given = parsed(setting.flag) if setting.default is False else parsed(setting.flag, "x")
            assert given == {path: True if setting.default is False else "x"}


def test_a_subcommand_has_the_last_word_on_the_place() -> None:
    options = ServerOptions({"listen": "127.0.0.1:1", "state_dir": "/a"}, "one.toml")
    assert options.with_more(state_dir=None, config_file=None) == options
    more = options.with_more(state_dir="/b", config_file="two.toml")
    assert more == ServerOptions({"listen": "127.0.0.1:1", "state_dir": "/b"}, "two.toml")
    assert options.flags["state_dir"] == "/a"


def test_options_load_as_flags() -> None:
    config, origins = ServerOptions({"listen": "127.0.0.1:1"}, None).load()
    assert config.address.port == 1
    assert origins["listen"] == "flag --listen"


def test_the_place_can_be_given_to_a_subcommand() -> None:
    seen: dict[str, object] = {}

    @click.command()
    @place_options
    def command(**values: object) -> None:
        seen.update(values)

    CliRunner().invoke(command, ["--state-dir", "/s", "--config", "c"], catch_exceptions=False)
    assert seen == {"state_dir": "/s", "config_file": "c"}
