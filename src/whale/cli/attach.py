"""`whale attach`: into a session that is there, from wherever."""

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import session_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.client.http import get_session
from whale.client.profile import environment, find_server
from whale.client.session import JoinRequest, join_session
from whale.model.role import Role

_EPILOG = """\b
Examples:
  whale attach build             # by name, or by the beginning of its id
  whale attach --view 3f9c
"""


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, session: str, view: bool, no_stdin: bool, no_escape: bool, reason: str) -> int:
    environ = environment()
    profile = find_server(**globals_._asdict(), environ=environ)
    said = read_reason(reason, environ)
    found = get_session(profile, session)
    role = Role.VIEWER if view else Role.CONTROLLER
    # A viewer of a terminal may be given the keyboard later.
    stdin = found.stdin and (found.tty or not (view or no_stdin))
    return join_session(profile, JoinRequest(found.id, role, found.tty, stdin, listens=not no_escape, reason=said))


attach = click.Command(
    "attach",
    params=[
        click.Option(["--view"], is_flag=True, help="Only look: nothing that is typed goes to the command."),
        click.Option(["--no-stdin"], is_flag=True, help="Send no input to a command without a terminal."),
        click.Option(["--no-escape"], is_flag=True, help="Send ~. and the other escape keys as they are."),
        *click_options((REASON,)),
        session_argument(),
    ],
    callback=_run,
    help="""Join a session: one that you detached from, one of another terminal, or somebody else's.

    A terminal shows the picture that the session has. Several people can be in one session; its size follows the
    smallest of their terminals. After a newline ~d leaves it again, ~v gives the keyboard away or takes it, and ~?
    shows help. The exit status is the command's own.
    """,
    short_help="Join a session.",
    epilog=_EPILOG,
)
