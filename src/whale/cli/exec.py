"""`whale exec`: one command in a container, with docker's flags and meanings."""

from typing import Any

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import container_argument
from whale.cli.options import EXEC_OPTIONS, ExecOptions
from whale.cli.run import run_exec

_EPILOG = """\b
Examples:
  whale exec web ls -l /srv
  whale exec db pg_dump app > app.sql
  whale exec -i db psql app < app.sql
  whale exec -it -u postgres db psql
"""


def exec_options(globals_: GlobalOptions, values: dict[str, Any]) -> ExecOptions:
    """Collect what click parsed."""
    return ExecOptions(**globals_._asdict(), **values)


@click.pass_obj
def _run(globals_: GlobalOptions, /, **values: Any) -> int:
    return run_exec("exec", exec_options(globals_, values))


exec_command = click.Command(
    "exec",
    params=[
        *click_options(EXEC_OPTIONS),
        container_argument(),
        click.Argument(["command"], nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARG]..."),
    ],
    callback=_run,
    help="""Run a command in a running container.

    Output and errors come out as they are, and the exit status is the command's own: 128+N for signal N, 126 and 127
    as in docker, 125 for a failure of whale itself.
    """,
    short_help="Run a command in a container.",
    epilog=_EPILOG,
    context_settings={"allow_interspersed_args": False},
)
