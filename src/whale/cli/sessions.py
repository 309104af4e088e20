"""`whale sessions`: what runs, who is in it, and what has ended that nobody was told of."""

import json
import time

import click

from whale.cli.app import GlobalOptions
from whale.cli.table import print_table
from whale.client.http import SessionInfo, list_sessions
from whale.client.profile import environment, find_server

SHORT_ID = 12
MAX_COMMAND = 40
HEADINGS = ("ID", "NAME", "CONTAINER", "COMMAND", "USER", "STARTED", "ATTACHED", "IDLE")

_EPILOG = """\b
Examples:
  whale sessions
  whale sessions --all --format json
  whale attach $(whale sessions --format id | tail -1)
"""


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, include_ended: bool, form: str) -> int:
    profile = find_server(**globals_._asdict(), environ=environment())
    found = [one for one in list_sessions(profile) if include_ended or one.state != "ended"]
    if form == "json":
        entries = [one._asdict() | {"attached": [who._asdict() for who in one.attached]} for one in found]
        click.echo(json.dumps(entries, indent=2))
    elif form == "id":
        for one in found:
            click.echo(one.id)
    else:
        now = time.time()
        print_table(HEADINGS, [_row(one, now) for one in found])
    return 0


def _row(one: SessionInfo, now: float) -> tuple[str, ...]:
    return (
        one.id[:SHORT_ID],
        one.name or "-",
        one.container,
        _shortened(" ".join(one.command) or "(login shell)"),
        one.user,
        f"{duration(now - one.started)} ago",
        _attached(one),
        duration(one.idle),
    )


def _attached(one: SessionInfo) -> str:
    """Say who is there, or how it ended."""
    if one.state == "ended":
        return f"ended ({one.reason if one.status is None else one.status})"
    there = [who for who in one.attached if who.connected]
    if not there:
        return "nobody"
    controllers = sum(who.role == "controller" for who in there)
    viewers = len(there) - controllers
    return f"{controllers}" + (f" + {viewers} looking on" if viewers else "")


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_COMMAND else text[: MAX_COMMAND - 1] + "…"


def duration(seconds: float) -> str:
    """Say a time in its largest unit: 5s, 12m, 3h, 2d."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


sessions = click.Command(
    "sessions",
    params=[
        click.Option(
            ["-a", "--all", "include_ended"], is_flag=True, help="Show those too that have ended and nobody was told."
        ),
        click.Option(
            ["--format", "form"],
            type=click.Choice(["table", "json", "id"]),
            default="table",
            help="What to print.",
            show_default=True,
        ),
    ],
    callback=_run,
    help="""List your sessions: shells and commands that run, whether you are in them or not.

    Join one with `whale attach`, end one with `whale kill`.
    """,
    short_help="List sessions.",
    epilog=_EPILOG,
)
