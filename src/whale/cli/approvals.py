"""`whale approvals`: what waits for one's word, and to say it."""

import json
import shlex
import time

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import approval_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.cli.sessions import duration
from whale.cli.table import print_table
from whale.client.approvals import ApprovalInfo, allow_approval, deny_approval, list_approvals
from whale.client.profile import Profile, environment, find_server
from whale.model.duration import parse_duration
from whale.model.text import printable

HEADINGS = ("ID", "STATE", "ASKER", "CONTAINER", "ACTION", "USER", "COMMAND", "REASON", "LEFT")

_EPILOG = """\b
Examples:
  whale approvals
  whale approvals allow 5f3a9c0e7b21 --for 30m
  whale approvals deny 5f3a9c0e7b21 --reason "not during the release"
"""


def _server(globals_: GlobalOptions) -> Profile:
    return find_server(**globals_._asdict(), environ=environment())


@click.pass_context
def _list(ctx: click.Context, /, *, form: str) -> int:
    if ctx.invoked_subcommand is not None:
        return 0
    found = list_approvals(_server(ctx.obj))
    if form == "json":
        click.echo(json.dumps([one._asdict() for one in found], indent=2))
    else:
        now = time.time()
        print_table(HEADINGS, [_row(one, now) for one in found])
    return 0


def _row(one: ApprovalInfo, now: float) -> tuple[str, ...]:
    command = " ".join([*one.env, shlex.join(one.command) or "(login shell)"])
    return (
        one.id,
        f"allowed by {one.approver}" if one.approver else one.state,
        "you" if one.mine else one.asker,
        one.container,
        one.action + (" privileged" if one.privileged else ""),
        one.user or "-",
        command + (f" (in {one.workdir})" if one.workdir else ""),
        one.reason or "-",
        duration(one.until - now),
    )


@click.pass_obj
def _allow(globals_: GlobalOptions, /, *, approval: str, length: str, reason: str) -> int:
    seconds = parse_duration(length) if length else None
    made = allow_approval(_server(globals_), approval, seconds=seconds, reason=read_reason(reason, {}))
    until = duration(made.until - time.time() + 0.5)
    click.echo(printable(f"{made.asker} may {made.action} in {made.container} for {until}"))
    return 0


@click.pass_obj
def _deny(globals_: GlobalOptions, /, *, approval: str, reason: str) -> int:
    deny_approval(_server(globals_), approval, reason=read_reason(reason, {}))
    return 0


allow = click.Command(
    "allow",
    params=[
        click.Option(["--for", "length"], default="", metavar="TIME", help="For how long, as 30m, 2h or 1d."),
        *click_options((REASON,)),
        approval_argument(),
    ],
    callback=_allow,
    help="""Allow what waits: exactly that, to exactly that person, for a time.

    A session that lives by it ends with that time.
    """,
    short_help="Allow what waits.",
)

deny = click.Command(
    "deny",
    params=[*click_options((REASON,)), approval_argument()],
    callback=_deny,
    help="""Deny what waits, or end what was allowed; its sessions end within 2 seconds.

    Who asked reads the reason.
    """,
    short_help="Deny what waits, or end it.",
)

approvals = click.Group(
    "approvals",
    commands=[allow, deny],
    params=[
        click.Option(
            ["--format", "form"],
            type=click.Choice(["table", "json"]),
            default="table",
            help="What to print.",
            show_default=True,
        ),
    ],
    callback=_list,
    invoke_without_command=True,
    help="""List what waits for your approval, what is allowed, and what you wait for yourself.

    Look at the command, the user and the reason before you allow it: exactly that runs. Secrets in it are masked here.
    """,
    short_help="Allow what others ask for.",
    epilog=_EPILOG,
)
