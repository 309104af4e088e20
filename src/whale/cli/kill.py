"""`whale kill`: end sessions, with all that runs in them."""

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.failures import report
from whale.cli.names import session_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.client.http import kill_session
from whale.client.profile import environment, find_server
from whale.model.errors import WhaleError
from whale.model.outcomes import EXIT_WHALE_FAILED

_EPILOG = """\b
Examples:
  whale kill build
  whale kill $(whale sessions --format id)
"""


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, session: tuple[str, ...], reason: str) -> int:
    environ = environment()
    profile = find_server(**globals_._asdict(), environ=environ)
    said = read_reason(reason, environ)
    failed = False
    for reference in session:
        try:
            kill_session(profile, reference, reason=said)
        except WhaleError as error:
            failed = True
            hint = f" ({error.hint})" if error.hint else ""
            report("whale", WhaleError(f"{reference}: {error.message}{hint}", code=error.code))
        else:
            click.echo(reference)
    return EXIT_WHALE_FAILED if failed else 0


kill = click.Command(
    "kill",
    params=[*click_options((REASON,)), session_argument(nargs=-1)],
    callback=_run,
    help="""End sessions. Everything that runs in them gets HUP, then TERM, then KILL.

    Prints each session that was ended; the others are named on stderr, and the exit status is 125.
    """,
    short_help="End sessions.",
    epilog=_EPILOG,
)
