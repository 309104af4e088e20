"""`whale-server token`: create, list and revoke, also while the server runs. Prints a token once, on stdout.

The server's room is imported inside the commands: its database library takes half a second, and `--help` needs none.
"""

import asyncio
import time

import click

from whale.cli.server_options import ServerOptions, place_options
from whale.cli.server_rows import print_rows, written_time

_COLUMNS = ("name", "id", "created", "expires", "last_used", "groups", "scope", "state")

_EPILOG = """\b
Examples:
  whale-server token create alice
  WHALE_TOKEN=$(whale-server token create ci-backup --expires 30d)
  whale-server token create bob --group developer --group team-x
  whale-server token create ci --action exec,logs --container label:app=web --expires 30d
  whale-server token revoke alice
"""


@click.group(name="token", epilog=_EPILOG)
def token_group() -> None:
    """Make, list and revoke tokens. A running server notices at once."""


@token_group.command()
@click.argument("name")
@click.option(
    "--expires",
    metavar="TIME",
    help="30d, 12h, 2w or never.  [default: 90d]",
)
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Put it in a group, for the policies.")
@click.option("--action", "actions", multiple=True, metavar="ACTION,...", help="Good for these actions alone.")
@click.option(
    "--container",
    "containers",
    multiple=True,
    metavar="CONTAINER",
    help="Good for this container alone: NAME, or all with label:NAME=VALUE.",
)
@place_options
@click.pass_obj
def create(
    options: ServerOptions,
    name: str,
    expires: str | None,
    groups: tuple[str, ...],
    actions: tuple[str, ...],
    containers: tuple[str, ...],
    state_dir: str | None,
    config_file: str | None,
) -> None:
    """Make a token called NAME and print it. It is shown this once and kept only hashed.

    Actions and containers, each given as often as needed, are its scope: they take away from what the policies
    permit, and never add to it.
    """
    from whale.server import tokens

    place = options.place(state_dir=state_dir, config_file=config_file)
    lifetime = tokens.DEFAULT_LIFETIME if expires is None else expires
    made = asyncio.run(
        tokens.create(place, name, lifetime=lifetime, groups=groups, actions=actions, containers=containers)
    )
    click.echo(made.text.reveal())
    until = "never expires" if made.row.expires is None else f"expires {written_time(made.row.expires)}"
    click.echo(f"token {name} {until}; keep it now, it is not shown again", err=True)


@token_group.command(name="list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@place_options
@click.pass_obj
def list_tokens(options: ServerOptions, form: str, state_dir: str | None, config_file: str | None) -> None:
    """List all tokens, the expired and revoked ones too. Never shows one."""
    from whale.server import tokens

    rows = asyncio.run(tokens.list_all(options.place(state_dir=state_dir, config_file=config_file)))
    now = int(time.time())
    shown = [
        {
            "name": row.name,
            "id": row.id,
            "created": written_time(row.created),
            "expires": written_time(row.expires),
            "last_used": written_time(row.last_used),
            "groups": list(row.groups),
            "scope": None if row.scope is None else {key: list(each) for key, each in row.scope._asdict().items()},
            "state": tokens.state_of(row, now=now),
        }
        for row in rows
    ]
    if form != "json":
        scopes = ["-" if row.scope is None else str(row.scope) for row in rows]
        shown = [each | {"scope": scope} for each, scope in zip(shown, scopes, strict=True)]
    print_rows(_COLUMNS, shown, form)


@token_group.command()
@click.argument("name")
@place_options
@click.pass_obj
def revoke(options: ServerOptions, name: str, state_dir: str | None, config_file: str | None) -> None:
    """Revoke the token called NAME. It stops working with the next request, and its sessions end."""
    from whale.server import tokens

    asyncio.run(tokens.revoke(options.place(state_dir=state_dir, config_file=config_file), name))
    click.echo(f"token {name} is revoked", err=True)


@token_group.command("set-groups")
@click.argument("name")
@click.argument("groups", nargs=-1, metavar="[GROUP]...")
@place_options
@click.pass_obj
def set_groups(
    options: ServerOptions, name: str, groups: tuple[str, ...], state_dir: str | None, config_file: str | None
) -> None:
    """Give the token NAME these groups instead of those it has. What it may do without them ends within 2 seconds."""
    from whale.server import tokens

    given = asyncio.run(tokens.set_groups(options.place(state_dir=state_dir, config_file=config_file), name, groups))
    click.echo(f"token {name} is in {', '.join(given) or 'no group'}", err=True)
