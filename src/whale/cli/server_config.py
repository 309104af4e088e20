"""`whale-server config`: what the settings are, and where each comes from."""

import json

import click
import msgspec

from whale.cli.server_options import ServerOptions
from whale.server.config import settings


@click.group(name="config")
def config_group() -> None:
    """Look at the settings."""


@config_group.command(epilog="\b\nExamples:\n  whale-server config check\n  whale-server --config a.toml config check")
@click.option("--config", "config_file", metavar="FILE", help="Settings file, TOML.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_obj
def check(options: ServerOptions, config_file: str | None, form: str) -> None:
    """Check the settings and print each with its origin. Status 1 if one is wrong."""
    config, origins = options.with_more(state_dir=None, config_file=config_file).load()
    tree = msgspec.to_builtins(config)
    rows = [(path, _value(tree, path), origins[path]) for path in settings()]
    if form == "json":
        shown = {path: {"value": value, "origin": origin} for path, value, origin in rows}
        click.echo(json.dumps(shown, indent=2))
        return
    texts = [("SETTING", "VALUE", "ORIGIN"), *((path, json.dumps(value), origin) for path, value, origin in rows)]
    widths = [max(len(row[column]) for row in texts) for column in (0, 1)]
    for path, value, origin in texts:
        click.echo(f"{path:<{widths[0]}}  {value:<{widths[1]}}  {origin}")


def _value(tree: object, path: str) -> object:
    for name in path.split("."):
        assert isinstance(tree, dict)
        tree = tree[name]
    return tree
