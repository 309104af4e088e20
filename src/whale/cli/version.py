"""`whale version`: this program's version, and the server's."""

import json

import click

from whale import __version__
from whale.cli.app import GlobalOptions
from whale.client.http import ServerVersion, get_version
from whale.client.profile import environment, find_server
from whale.model.errors import WhaleError
from whale.model.text import printable


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, client_only: bool, form: str) -> int:
    server: ServerVersion | None = None
    failure: WhaleError | None = None
    if not client_only:
        try:
            profile = find_server(**globals_._asdict(), environ=environment())
            server = get_version(profile)
        except WhaleError as error:
            failure = error
    _print_json(server) if form == "json" else _print_text(server)
    if failure is not None:
        raise failure
    return 0


def _print_text(server: ServerVersion | None) -> None:
    click.echo(f"client  {__version__}")
    if server is None:
        return
    click.echo(printable(f"server  {server.version} (API {server.api})"))
    for engine in server.engines:
        click.echo(printable(f"engine  {engine.name}: {engine.kind} {engine.version}"))


def _print_json(server: ServerVersion | None) -> None:
    body: dict[str, object] = {"client": {"version": __version__}, "server": None}
    if server is not None:
        engines = [engine._asdict() for engine in server.engines]
        body["server"] = {"version": server.version, "api": server.api, "engines": engines}
    click.echo(json.dumps(body, indent=2))


version = click.Command(
    "version",
    params=[
        click.Option(["--client", "client_only"], is_flag=True, help="Only this program's version; ask no server."),
        click.Option(
            ["--format", "form"],
            type=click.Choice(["text", "json"]),
            default="text",
            help="What to print.",
            show_default=True,
        ),
    ],
    callback=_run,
    help="Show the versions of this program, the server and its engine.",
    short_help="Show versions.",
)
