"""`whale-server audit`: whether the trail holds, its newest events, and a search. Works beside a running server."""

import asyncio
import contextlib
import re
import time

import click

from whale.cli.audit_view import format_option, limit_option, search_options, show
from whale.cli.server_options import ServerOptions, place_options
from whale.model.audit import AuditMark, AuditQuery
from whale.model.errors import UsageError
from whale.model.moment import parse_moment

_MARK = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")

_EPILOG = """\b
Examples:
  whale-server audit verify
  whale-server audit tail --follow
  whale-server audit search --kind access.denied --since 7d
  whale-server audit search --by alice --container db --format json
"""


@click.group(name="audit", epilog=_EPILOG)
def audit_group() -> None:
    """Read the audit trail, and check it."""


@audit_group.command()
@click.option("--expect", metavar="SEQ:HASH", default="", help="An event as it was noted elsewhere; it must be there.")
@place_options
@click.pass_obj
def verify(options: ServerOptions, expect: str, state_dir: str | None, config_file: str | None) -> None:
    """Check every event. Status 1 when one was edited, moved, added or is missing; says which."""
    from whale.server import audit

    found = _MARK.fullmatch(expect)
    if expect and found is None:
        raise UsageError("--expect is the number of an event, a colon and its hash", hint="`audit verify` prints them")
    mark = AuditMark(int(found[1]), found[2]) if found is not None else None
    anchor, head = asyncio.run(audit.verify(options.place(state_dir=state_dir, config_file=config_file), expect=mark))
    deleted = f"; those up to {anchor.seq} were deleted for their age" if anchor.seq else ""
    click.echo(f"{head.seq - anchor.seq} events hold{deleted}")
    click.echo(f"newest: {head.seq}:{head.hash}")


def _tail(options: ServerOptions, /, limit: int, follow: bool, form: str, **given: str | None) -> None:
    from whale.server import audit

    place = options.place(state_dir=given["state_dir"], config_file=given["config_file"])

    async def run() -> None:
        lines = [*reversed(await audit.search(place, AuditQuery(limit=limit)))]
        show(lines, form)
        if follow:
            async for more in audit.follow(place, after=lines):
                show(more, form)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


def _search(options: ServerOptions, /, form: str, limit: int, **given: str | None) -> None:
    from whale.server import audit

    place = options.place(state_dir=given.pop("state_dir"), config_file=given.pop("config_file"))
    asked = {name: value or "" for name, value in given.items()}
    times = {name: parse_moment(text, now=time.time()) for name in ("since", "until") if (text := asked.pop(name))}
    query = AuditQuery(**asked, **times, limit=limit)  # type: ignore[arg-type]
    show([*reversed(asyncio.run(audit.search(place, query)))], form)


_FOLLOW = click.Option(["-f", "--follow"], is_flag=True, help="Go on with what comes.")

audit_group.add_command(
    place_options(
        click.Command(
            "tail",
            params=[_FOLLOW, limit_option(20), format_option()],
            callback=click.pass_obj(_tail),
            help="Show the newest events.",
        )
    )
)
audit_group.add_command(
    place_options(
        click.Command(
            "search",
            params=search_options(),
            callback=click.pass_obj(_search),
            help="Search events; the newest of those that fit, the oldest first.",
        )
    )
)
