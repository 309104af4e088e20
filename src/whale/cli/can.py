"""`whale can`: what one may do, without doing it."""

import json

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.client.http import CanAnswer, ask_can
from whale.client.profile import environment, find_server
from whale.model.recording import said_wish
from whale.model.text import printable

EXIT_DENIED = 1
RECORDING_ACTIONS = ("record.read", "record.delete", "record.keep")
ACTIONS = ("list", "logs", "exec", "shell", "attach", "view", "kill", "approve", *RECORDING_ACTIONS)

_EPILOG = """\b
Examples:
  whale can shell web
  whale can exec -u root db pg_dump app
  whale can attach build
  whale can --reason "ticket 42" shell web
"""


@click.pass_obj
def _run(
    globals_: GlobalOptions,
    /,
    *,
    action: str,
    name: str,
    command: tuple[str, ...],
    user: str,
    workdir: str,
    tty: bool,
    privileged: bool,
    reason: str,
    form: str,
) -> int:
    environ = environment()
    profile = find_server(**globals_._asdict(), environ=environ)
    answer = ask_can(
        profile,
        action,
        name,
        command=command,
        user=user,
        workdir=workdir,
        tty=tty or action == "shell",
        privileged=privileged,
        reason=read_reason(reason, environ),
    )
    _print_json(answer) if form == "json" else _print_text(answer)
    return 0 if answer.allowed else EXIT_DENIED


def _print_text(answer: CanAnswer) -> None:
    click.echo(printable(f"{'yes' if answer.allowed else 'no'}: {answer.reason}"))
    if answer.policies:
        click.echo(printable(f"by: {', '.join(answer.policies)}"))
    if answer.recording:
        click.echo(printable(f"recorded: {said_wish(**answer.recording)}"))
    for line in answer.missing:
        click.echo(printable(f"missing: {line}"))


def _print_json(answer: CanAnswer) -> None:
    click.echo(json.dumps(answer._asdict(), indent=2))


can = click.Command(
    "can",
    params=[
        click.Argument(["action"], type=click.Choice(ACTIONS)),
        click.Argument(["name"]),
        click.Argument(["command"], nargs=-1, type=click.UNPROCESSED),
        click.Option(["-u", "--user"], default="", metavar="USER", help="As for whale exec."),
        click.Option(["-w", "--workdir"], default="", metavar="DIR", help="As for whale exec."),
        click.Option(["-t", "--tty"], is_flag=True, help="With a terminal; a shell has one."),
        click.Option(["--privileged"], is_flag=True, help="As for whale exec."),
        *click_options((REASON,)),
        click.Option(
            ["--format", "form"],
            type=click.Choice(["text", "json"]),
            default="text",
            help="What to print.",
            show_default=True,
        ),
    ],
    callback=_run,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    help="""Ask whether you may do something, and why. Nothing is done.

    NAME is a container, a session for attach, view and kill, or a recording for record.read,
    record.delete and record.keep.
    The exit status is 0 for yes and 1 for no.
    """,
    short_help="Ask what you may do.",
    epilog=_EPILOG,
)
