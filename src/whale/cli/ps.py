"""`whale ps`: the containers behind a server."""

import json
from collections.abc import Sequence

import click

from whale.cli.app import GlobalOptions
from whale.cli.table import print_table
from whale.client.http import list_containers
from whale.client.profile import environment, find_server
from whale.model.container import Container
from whale.model.text import printable

SHORT_ID = 12
HEADINGS = ("ID", "NAME", "IMAGE", "STATE", "STATUS", "ENGINE")


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, include_stopped: bool, names: Sequence[str], form: str) -> int:
    profile = find_server(**globals_._asdict(), environ=environment())
    containers = list_containers(profile, include_stopped=include_stopped)
    if names:
        containers = [container for container in containers if any(name in container.name for name in names)]
    containers.sort(key=lambda container: (container.engine, container.name))
    if form == "json":
        # Escaped to ASCII: a terminal that shows it is as safe as with the table.
        click.echo(json.dumps([container._asdict() for container in containers], indent=2))
    elif form == "name":
        for container in containers:
            click.echo(printable(container.name))
    else:
        print_table(HEADINGS, [_row(container) for container in containers])
    return 0


def _row(container: Container) -> tuple[str, ...]:
    short = container.id[:SHORT_ID]
    return (short, container.name, container.image, container.state.value, container.status, container.engine)


ps = click.Command(
    "ps",
    params=[
        click.Option(["-a", "--all", "include_stopped"], is_flag=True, help="Show containers that don't run, too."),
        click.Option(
            ["--name", "names"], multiple=True, metavar="TEXT", help="Only containers with this in their name."
        ),
        click.Option(
            ["--format", "form"],
            type=click.Choice(["table", "json", "name"]),
            default="table",
            help="What to print.",
            show_default=True,
        ),
    ],
    callback=_run,
    help="List containers.",
)
