"""`whale play`: see again what happened in a session."""

import math
from typing import TYPE_CHECKING

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import recording_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.cli.recording_source import identity_option, opened
from whale.client.profile import environment, find_server
from whale.client.session import guard_descriptors
from whale.model.duration import parse_position
from whale.model.errors import UsageError

if TYPE_CHECKING:
    from whale.client.play import OpenAt
    from whale.client.profile import Profile

MAX_HITS = 1000

_EPILOG = """\b
Keys:
  space        pause and go on           left, right  5 seconds back, ahead
  .            the next event, paused    [, ]         last marker, next marker
  +, -         faster, slower            n, N         next hit, last hit (of --find)
  q            leave

\b
Examples:
  whale play 5f3a
  whale play --from 1:30 --speed 2 5f3a
  whale play --follow 5f3a
  whale play --find "drop table" 5f3a
"""


def _finite(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    if not math.isfinite(value):  # which lies in every range, as click compares
        raise click.BadParameter(f"{value} is no number")
    return value


@click.pass_obj
def _run(
    globals_: GlobalOptions,
    /,
    *,
    recording: str,
    speed: float,
    idle_limit: float,
    begin: str,
    find: str,
    follow: bool,
    identity: str,
    reason: str,
) -> int:
    from whale.client.play import play

    guard_descriptors()
    environ = environment()
    from_ms = parse_position(begin) if begin else 0
    profile = find_server(**globals_._asdict(), environ=environ)
    said = read_reason(reason, environ)
    with opened(profile, recording, identity=identity, reason=said, follow=follow) as open_at:
        hits = _hits(profile, recording, find, open_at, is_read_here=bool(identity)) if find else []
        begins = from_ms if begin or not hits else hits[0]
        return play(open_at, speed=speed, idle_limit=idle_limit, from_ms=begins, hits=hits)


def _hits(profile: "Profile", recording: str, text: str, open_at: "OpenAt", *, is_read_here: bool) -> list[int]:
    """Find the moments at which a text is there. Raises `UsageError` when there are none."""
    from whale.client.find import find_in_lines
    from whale.client.recordings import search_recordings
    from whale.recording.search_query import SearchQuery

    if is_read_here:
        with open_at(0) as lines:
            hits = [hit.at_ms for hit in find_in_lines(SearchQuery(text), lines)]
    else:
        found = search_recordings(profile, text, {"recording": recording}, limit=MAX_HITS)
        hits = [hit.at_ms for one in found.recordings for hit in one.hits]
    if not hits:
        hint = "what goes on is searched up to its last whole part"
        raise UsageError("nothing like that is in the recording", hint=hint)
    return sorted(set(hits))


play_command = click.Command(
    "play",
    params=[
        click.Option(
            ["-s", "--speed"],
            type=click.FloatRange(0.1, 100.0),
            callback=_finite,
            default=1.0,
            metavar="FACTOR",
            help="How fast.",
            show_default=True,
        ),
        click.Option(
            ["-i", "--idle-limit"],
            type=click.FloatRange(0.0, 86_400.0),
            callback=_finite,
            default=2.0,
            metavar="SECONDS",
            help="Wait no longer than this where nothing happened.",
            show_default=True,
        ),
        click.Option(["--from", "begin"], default="", metavar="TIME", help="Begin there: 90, 1:30, 1h2m3s."),
        click.Option(
            ["--find"],
            default="",
            metavar="TEXT",
            help="Begin where that is, as `whale recordings search` finds it; n and N go on to the others.",
        ),
        click.Option(["-f", "--follow"], is_flag=True, help="Go on as the session does, to its end."),
        identity_option(),
        *click_options((REASON,)),
        recording_argument(),
    ],
    callback=_run,
    help="""Play a recording in this terminal, which should be as large as the one that was recorded.

    Nothing that is played can ask this terminal anything, and nothing typed goes anywhere. The session itself, if it
    still runs, does not notice.
    """,
    short_help="Play a recording.",
    epilog=_EPILOG,
)
