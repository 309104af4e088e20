"""How `whale-server` shows what is in its tables: as a table, or as JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

Row = Mapping[str, object]


def print_rows(columns: Sequence[str], rows: Sequence[Row], form: str) -> None:
    """Print rows in the form `table` or `json`."""
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    heads = {key: key.replace("_", " ").upper() for key in columns}
    lines = [heads, *({key: _cell(each[key]) for key in columns} for each in rows)]
    widths = {key: max(len(line[key]) for line in lines) for key in columns}
    for line in lines:
        click.echo("  ".join(f"{line[key]:<{widths[key]}}" for key in columns).rstrip())


def written_time(at: int | None) -> str | None:
    """Write Unix seconds for people and programs; None stays None."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value) or "-"
    return str(value or "never")
