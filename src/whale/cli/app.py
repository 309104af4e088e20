"""The whole command line as a click group, its commands imported when they are called.

`exec` and `shell` come here only for help, completion and complaints: fast.py reads everything else of them.
"""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click

from whale import __version__
from whale.cli.options import GLOBAL_OPTIONS, Kind, OptionSpec
from whale.model.errors import UsageError
from whale.model.outcomes import EXIT_WHALE_FAILED

PROGRAM = "whale"
EXIT_INTERRUPTED = 130

COMMANDS = {
    "approvals": "whale.cli.approvals:approvals",
    "audit": "whale.cli.audit:audit",
    "attach": "whale.cli.attach:attach",
    "can": "whale.cli.can:can",
    "completion": "whale.cli.completion:completion",
    "context": "whale.cli.context:context",
    "exec": "whale.cli.exec:exec_command",
    "kill": "whale.cli.kill:kill",
    "login": "whale.cli.login:login",
    "logout": "whale.cli.logout:logout",
    "logs": "whale.cli.logs:logs",
    "play": "whale.cli.play:play_command",
    "ps": "whale.cli.ps:ps",
    "recordings": "whale.cli.recordings:recordings",
    "sessions": "whale.cli.sessions:sessions",
    "shell": "whale.cli.shell:shell",
    "version": "whale.cli.version:version",
}

_EPILOG = """\b
Examples:
  whale login https://whale.example:7433
  whale ps
  whale shell web
  whale exec db pg_dump app > app.sql
"""


class GlobalOptions(NamedTuple):
    """What was said before the command."""

    context: str
    insecure_http: bool


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def list_commands(self, _ctx: click.Context, /) -> list[str]:
        """Name all commands."""
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str, /) -> click.Command | None:
        """Import one command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        if args and not ctx.resilient_parsing and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)


def click_options(table: tuple[OptionSpec, ...]) -> list[click.Parameter]:
    """Make click's options from a table."""
    return [_click_option(spec) for spec in table]


def _click_option(spec: OptionSpec) -> click.Option:
    declarations = (*spec.flags, spec.name)
    if spec.kind is Kind.FLAG:
        return click.Option(declarations, is_flag=True, help=spec.help)
    multiple = spec.kind is Kind.MULTI
    default = () if multiple else ""
    return click.Option(declarations, multiple=multiple, default=default, metavar=spec.metavar, help=spec.help)


@click.pass_context
def _remember(ctx: click.Context, /, context: str, insecure_http: bool) -> None:
    ctx.obj = GlobalOptions(context, insecure_http)


cli = LazyGroup(
    PROGRAM,
    params=click_options(GLOBAL_OPTIONS),
    callback=_remember,
    help="Shells and commands in containers, through one gateway.",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")(cli)


def invoke_click(args: Sequence[str]) -> int:
    """Run one command line and return its exit status. Raises `WhaleError`, click's complaints included."""
    name = os.path.basename(sys.argv[0])
    program = name if name in ("whale", "whale-cli") else PROGRAM
    try:
        status = cli.main(list(args), prog_name=program, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_WHALE_FAILED
    except click.ClickException as error:
        raise _usage(error, program) from error
    except click.Abort:
        return EXIT_INTERRUPTED
    return status if isinstance(status, int) else 0


def _usage(error: click.ClickException, program: str) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else program
    message = error.format_message().rstrip(".")
    return UsageError(message[:1].lower() + message[1:], hint=f"see {command} --help")
