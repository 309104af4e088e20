"""`whale shell`: a terminal in a container, with the best shell it has, or a command."""

from typing import Any

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.exec import exec_options
from whale.cli.names import container_argument
from whale.cli.options import SHELL_OPTIONS
from whale.cli.run import run_exec

_EPILOG = """\b
Examples:
  whale shell web
  whale shell -u postgres db
  whale shell web -- python3
"""


@click.pass_obj
def _run(globals_: GlobalOptions, /, **values: Any) -> int:
    return run_exec("shell", exec_options(globals_, values))


shell = click.Command(
    "shell",
    params=[
        *click_options(SHELL_OPTIONS),
        container_argument(),
        click.Argument(["command"], nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARG]...]"),
    ],
    callback=_run,
    help="""Open a shell in a running container: bash if it has one, else the user's own, else sh.

    With a command, run that in a terminal instead. After a newline ~. ends the session and ~? shows help.
    """,
    short_help="Open a shell in a container.",
    epilog=_EPILOG,
    context_settings={"allow_interspersed_args": False},
)
