"""`whale recordings search`: find what was on a screen, or was typed."""

import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.cli.recording_source import identity_option
from whale.cli.table import print_table
from whale.client.profile import environment, find_server
from whale.client.recordings import Found, FoundRecording, search_recordings
from whale.model.text import printable

SHORT_ID = 12
MAX_LIMIT = 1000
HEADINGS = ("ID", "WHO", "CONTAINER", "STARTED", "AT", "WHERE", "LINE")

_EPILOG = """\b
Examples:
  whale recordings search drop table
  whale recordings search '"permission denied"' --person alice --since 7d
  whale play --from 1:30 5f3a
"""


@click.pass_obj
def _search(
    globals_: GlobalOptions,
    /,
    *,
    text: tuple[str, ...],
    form: str,
    limit: int,
    identity: str,
    reason: str,
    **query: str,
) -> int:
    environ = environment()
    profile, said = find_server(**globals_._asdict(), environ=environ), read_reason(reason, environ)
    found = search_recordings(profile, " ".join(text), query | {"reason": said}, limit=limit)
    if identity and found.encrypted:
        from whale.client.encrypted_search import search_encrypted
        from whale.client.own_copy import read_identities

        here = search_encrypted(profile, " ".join(text), query, read_identities(identity), limit=limit, reason=said)
        found = merged(found, here, limit=limit)
    if form == "json":
        click.echo(json.dumps(_entries(found), indent=2))
    else:
        print_table(HEADINGS, _rows(found))
    for remark in _remarks(found):
        click.echo(remark, err=True)
    return 0


def merged(found: Found, here: Sequence[FoundRecording], *, limit: int) -> Found:
    """Put together what the server has found and what was found here, newest recordings first."""
    recordings: list[FoundRecording] = []
    room = limit
    for one in sorted((*found.recordings, *here), key=lambda one: one.recording.started, reverse=True):
        if room > 0:
            recordings.append(one._replace(hits=one.hits[:room]))
        room -= len(one.hits)
    return Found(recordings, found.is_whole and room > 0, 0)


def position(at_ms: int) -> str:
    """Say a moment of a recording as `whale play --from` takes it."""
    minutes, seconds = divmod(at_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _rows(found: Found) -> list[tuple[str, ...]]:
    return [
        (
            one.recording.id[:SHORT_ID],
            one.recording.person,
            one.recording.container,
            datetime.fromtimestamp(one.recording.started, UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
            position(hit.at_ms),
            hit.kind,
            hit.line,
        )
        for one in found.recordings
        for hit in one.hits
    ]


def _entries(found: Found) -> list[dict[str, object]]:
    return [
        {
            "recording": one.recording.id,
            "person": one.recording.person,
            "container": one.recording.container,
            "started": one.recording.started,
            **hit._asdict(),
            "play": shlex.join(["whale", "play", "--from", position(hit.at_ms), one.recording.id]),
        }
        for one in found.recordings
        for hit in one.hits
    ]


def _remarks(found: Found) -> list[str]:
    remarks = []
    if found.recordings:
        hit = found.recordings[0].hits[0]
        id = printable(found.recordings[0].recording.id[:SHORT_ID])
        remarks.append(f"see the first one: whale play --from {position(hit.at_ms)} {id}")
    if not found.is_whole:
        remarks.append("there may be more: search for more words, or with --person, --container, --since or --limit")
    if found.encrypted:
        what = "recording was" if found.encrypted == 1 else "recordings were"
        remarks.append(f"{found.encrypted} encrypted {what} not searched; --identity KEYFILE searches them here")
    return remarks


def search_command(query: dict[str, tuple[str, str]]) -> click.Command:
    """Make the command, with the options that recordings are listed by."""
    return click.Command(
        "search",
        params=[
            *(click.Option([f"--{name}"], default="", metavar=kind, help=help) for name, (kind, help) in query.items()),
            click.Option(
                ["-n", "--limit"],
                type=click.IntRange(1, MAX_LIMIT),
                default=50,
                help="How many lines.",
                show_default=True,
            ),
            click.Option(
                ["--format", "form"],
                type=click.Choice(["table", "json"]),
                default="table",
                help="What to print.",
                show_default=True,
            ),
            identity_option(),
            *click_options((REASON,)),
            click.Argument(["text"], nargs=-1, required=True),
        ],
        callback=_search,
        help="""Search in what was on screens and what was typed, of recordings that you may read, the newest first.

        A word is found where a word of the line begins with it, in upper or lower case. All words have to be in one
        line; a phrase in quotes has its words one after the other. What goes on is searched up to its last whole part.
        """,
        short_help="Search in what was recorded.",
        epilog=_EPILOG,
    )
