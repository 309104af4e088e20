"""Audit events on the command line: the options that search them, and how they are shown. For both programs."""

import json
from collections.abc import Sequence
from typing import Any

import click

from whale.cli.table import print_table

HEADINGS = ("SEQ", "TIME", "KIND", "WHO", "CONTAINER", "WHAT")
MAX_WHAT = 100
MAX_LIMIT = 1000

_OPTIONS = {
    "principal": (("--by",), "NAME", "Who did it: the name of a token."),
    "container": (("--container",), "NAME", "Name, id or beginning of the id of the container."),
    "action": (("--action",), "ACTION", "What was asked for: exec, shell, attach, kill, …"),
    "kind": (("--kind",), "KIND", "What happened: access.denied, session.opened, …"),
    "session": (("--session",), "ID", "The whole id of a session."),
    "text": (("--text",), "TEXT", "Anywhere in the event, in whatever case."),
    "since": (("--since",), "TIME", "30m, 2h or 7d for so long ago, or 2027-01-15T08:00:00Z."),
    "until": (("--until",), "TIME", "The same; events before it."),
}


def limit_option(default: int) -> click.Option:
    """Make the option that says how many."""
    kind = click.IntRange(1, MAX_LIMIT)
    return click.Option(["-n", "--limit"], type=kind, default=default, help="How many.", show_default=True)


def format_option() -> click.Option:
    """Make the option that says in which form."""
    return click.Option(
        ["--format", "form"],
        type=click.Choice(["table", "json"]),
        default="table",
        help="What to print; json is one line per event, as it was hashed.",
        show_default=True,
    )


def search_options() -> list[click.Parameter]:
    """Make the options that say which events."""
    made: list[click.Parameter] = [
        click.Option([*flags, name], metavar=metavar, default="", help=help)
        for name, (flags, metavar, help) in _OPTIONS.items()
    ]
    return [*made, limit_option(100), format_option()]


def show(lines: Sequence[str], form: str) -> None:
    """Print events, one to a line."""
    if form == "json":
        for line in lines:
            click.echo(line)
    else:
        print_table(HEADINGS, [row(json.loads(line)) for line in lines])


def row(event: dict[str, Any]) -> tuple[str, ...]:
    """Put an event into the columns."""
    return (
        str(event.get("seq", "")),
        str(event["time"])[:19] + "Z",
        str(event["kind"]),
        str(event.get("principal") or event.get("token") or event.get("source") or "-"),
        str(event.get("container", {}).get("name") or event.get("target") or "-"),
        _shortened(_what(event)) or "-",
    )


def _what(event: dict[str, Any]) -> str:
    """Say in a few words what it was about, the most telling first."""
    parts = [
        str(event.get("action", "")),
        " ".join(map(str, event.get("command", ()))),
        str(event["name"]) if event["kind"].startswith("token.") else "",
        f"status {event['status']}" if "status" in event else "",
        str(event.get("code", "")),
        f"{event['bytes_in']} bytes in, {event['bytes_out']} out" if "bytes_in" in event else "",
        f"{event['count']} {'containers' if 'action' in event else 'events'}" if "count" in event else "",
        f"groups {' '.join(event['groups'])}" if event.get("groups") else "",
        f"session {event['session'][:12]}" if event.get("session") and "action" not in event else "",
        f"({event['reason']})" if event.get("reason") and event["kind"] in ("access.denied", "session.revoked") else "",
    ]
    return ", ".join(filter(None, parts))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_WHAT else text[: MAX_WHAT - 1] + "…"
