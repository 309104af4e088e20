"""The options of `whale-server`, as the settings they stand for."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import click

from whale.server.config import Config, StorePlace, load_config

_Command = TypeVar("_Command", bound=Callable[..., Any])

_PATH_OF = {
    "listen": "listen",
    "state_dir": "state_dir",
    "store_url": "store.url",
    "engine": "engine.url",
    "tls_cert": "tls.cert",
    "tls_key": "tls.key",
    "tls_self": "tls.own_ca",
    "behind_tls_proxy": "tls.behind_proxy",
    "log_level": "log.level",
    "log_format": "log.format",
}


class ServerOptions(NamedTuple):
    """What was given on the command line. `flags` is by dotted path of the setting."""

    flags: Mapping[str, object]
    config_file: str | None

    def load(self) -> tuple[Config, dict[str, str]]:
        """Load the settings with these options on top. Raises `ConfigError`."""
        return load_config(self.flags, config_file=self.config_file)

    def with_more(self, *, state_dir: str | None, config_file: str | None) -> "ServerOptions":
        """These options, with what a subcommand was given on top."""
        flags = {**self.flags, **({} if state_dir is None else {"state_dir": state_dir})}
        return ServerOptions(flags, config_file or self.config_file)

    def config(self, *, state_dir: str | None, config_file: str | None) -> Config:
        """Load the settings with what a subcommand was given on top. Raises `ConfigError`."""
        config, _ = self.with_more(state_dir=state_dir, config_file=config_file).load()
        return config

    def place(self, *, state_dir: str | None, config_file: str | None) -> StorePlace:
        """Find the database likewise."""
        return self.config(state_dir=state_dir, config_file=config_file).store_place


def flags_of(values: Mapping[str, object]) -> dict[str, object]:
    """Map click's values to dotted paths; options that were not given are left out."""
    return {path: values[name] for name, path in _PATH_OF.items() if values[name] is not None}


def server_options(command: _Command) -> _Command:
    """Add the options that set settings."""
    for option in reversed(
        [
            click.option("--listen", metavar="HOST:PORT", help="Where to listen.  [default: 127.0.0.1:7433]"),
            click.option("--state-dir", metavar="DIR", help="Directory of the database."),
            click.option("--store-url", metavar="URL", help="postgresql://user@host/database.  [default: SQLite]"),
            click.option("--engine", metavar="URL", help="unix:///path or tcp://host:port.  [default: found]"),
            click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM."),
            click.option("--tls-key", metavar="FILE", help="Its private key, PEM."),
            click.option("--tls-self", is_flag=True, default=None, help="Make certificates with an own authority."),
            click.option("--behind-tls-proxy", is_flag=True, default=None, help="A proxy in front speaks TLS."),
            click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.  [default: info]"),
            click.option("--log-format", metavar="FORMAT", help="console or json.  [default: console]"),
            click.option("--config", "config_file", metavar="FILE", help="Settings file, TOML."),
        ]
    ):
        command = option(command)
    return command


def place_options(command: _Command) -> _Command:
    """Add `--state-dir` and `--config` to a subcommand, where people look for them too."""
    command = click.option("--config", "config_file", metavar="FILE", help="Settings file, TOML.")(command)
    return click.option("--state-dir", metavar="DIR", help="The server's state directory.")(command)
