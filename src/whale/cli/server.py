"""The `whale-server` command. Reads its arguments and starts what was asked for; decides nothing else."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from whale import __version__
from whale.cli.failures import report
from whale.cli.server_audit import audit_group
from whale.cli.server_backup import backup, restore
from whale.cli.server_ca import ca_group
from whale.cli.server_config import config_group
from whale.cli.server_options import ServerOptions, flags_of, server_options
from whale.cli.server_policy import policy_group
from whale.cli.server_stop import stop
from whale.cli.server_token import token_group
from whale.cli.server_user import user_group
from whale.model.errors import WhaleError

PROGRAM = "whale-server"

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_EPILOG = """\b
Examples:
  whale-server
  whale-server --listen 0.0.0.0:7433 --tls-cert cert.pem --tls-key key.pem
  whale-server user add alice
  whale-server token create ci-backup
  whale-server config check
"""


@click.group(
    name=PROGRAM,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
@server_options
@click.pass_context
def whale_server(ctx: click.Context, /, **values: Any) -> None:
    """A gateway to the shells of containers. Without a command it runs the server.

    Settings come from the defaults, the file, the environment (WHALE_SERVER_...) and these options; the later
    one wins.
    """
    ctx.obj = ServerOptions(flags_of(values), values["config_file"])
    if ctx.invoked_subcommand is None:
        ctx.exit(_run(ctx.obj))


def _run(options: ServerOptions) -> int:
    config, origins = options.load()
    # Imported when it is clear that it will run: `token` and `version` need none of it.
    from whale.server.run import run

    try:
        return run(config, origins, lambda: options.load()[0])
    except ExceptionGroup as group:
        # What ends a task group comes out wrapped in one; a fault of our own stays what it is.
        known, unknown = group.split(WhaleError)
        if known is None or unknown is not None:
            raise
        raise _first(known) from group


def _first(group: ExceptionGroup[WhaleError]) -> WhaleError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


@whale_server.command()
def version() -> None:
    """Print the version."""
    click.echo(f"{PROGRAM} {__version__}")


whale_server.add_command(audit_group)
whale_server.add_command(backup)
whale_server.add_command(ca_group)
whale_server.add_command(config_group)
whale_server.add_command(policy_group)
whale_server.add_command(restore)
whale_server.add_command(stop)
whale_server.add_command(token_group)
whale_server.add_command(user_group)


def invoke(args: Sequence[str]) -> int:
    """Run one command line and return its exit status. Failures are printed to stderr."""
    try:
        status = whale_server.main(list(args), prog_name=PROGRAM, standalone_mode=False)
    except click.UsageError as error:
        return _usage_failed(error)
    except click.ClickException as error:
        return report(PROGRAM, WhaleError(error.format_message()), status=EXIT_FAILED)
    except click.Abort:
        return EXIT_INTERRUPTED
    except WhaleError as error:
        return report(PROGRAM, error, status=EXIT_FAILED, detail=True)
    return status if isinstance(status, int) else 0


def _usage_failed(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return EXIT_USAGE
    command = error.ctx.command_path if error.ctx is not None else PROGRAM
    message = error.format_message().rstrip(".")
    hint = f"see `{command} --help`"
    return report(PROGRAM, WhaleError(message[:1].lower() + message[1:], hint=hint), status=EXIT_USAGE)


def main() -> None:
    """Entry point of `whale-server`."""
    sys.exit(invoke(sys.argv[1:]))
