"""`whale-server user`: the people who may log in, also while the server runs. Prints a link once, on stdout.

The server's room is imported inside the commands: its database library takes half a second, and `--help` needs none.
"""

import asyncio
from typing import TYPE_CHECKING

import click

from whale.cli.server_options import ServerOptions, place_options
from whale.cli.server_rows import print_rows, written_time
from whale.server.config import Config

if TYPE_CHECKING:
    from whale.server.users import Link

_COLUMNS = ("name", "source", "created", "last_login", "groups", "state")

_EPILOG = """\b
Examples:
  whale-server user add alice --group developer
  whale-server user link alice
  whale-server user set-groups alice developer team-x
  whale-server user disable alice
"""

_expires = click.option("--expires", metavar="TIME", help="How long the link is good, up to 7d.  [default: 1h]")


@click.group(name="user", epilog=_EPILOG)
def user_group() -> None:
    """Add, list, disable and remove people. A running server notices at once."""


@user_group.command()
@click.argument("name")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Put them in a group, for the policies.")
@_expires
@place_options
@click.pass_obj
def add(
    options: ServerOptions,
    name: str,
    groups: tuple[str, ...],
    expires: str | None,
    state_dir: str | None,
    config_file: str | None,
) -> None:
    """Add a person called NAME, and print the command by which they log in. It works once."""
    from whale.server import users

    config = options.config(state_dir=state_dir, config_file=config_file)
    lifetime = users.DEFAULT_LINK_LIFETIME if expires is None else expires
    _show(config, asyncio.run(users.add(config.store_place, name, groups=groups, lifetime=lifetime)))


@user_group.command()
@click.argument("name")
@_expires
@place_options
@click.pass_obj
def link(
    options: ServerOptions, name: str, expires: str | None, state_dir: str | None, config_file: str | None
) -> None:
    """Print a new command by which NAME logs in, for another machine or a lost one. Earlier ones work no more."""
    from whale.server import users

    config = options.config(state_dir=state_dir, config_file=config_file)
    lifetime = users.DEFAULT_LINK_LIFETIME if expires is None else expires
    _show(config, asyncio.run(users.link(config.store_place, name, lifetime=lifetime)))


@user_group.command(name="list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@place_options
@click.pass_obj
def list_users(options: ServerOptions, form: str, state_dir: str | None, config_file: str | None) -> None:
    """List everybody."""
    from whale.server import users

    rows = asyncio.run(users.list_all(options.place(state_dir=state_dir, config_file=config_file)))
    shown = [
        {
            "name": row.name,
            "source": row.issuer or "local",
            "created": written_time(row.created),
            "last_login": written_time(row.last_login),
            "groups": list(row.groups),
            "state": "active" if row.disabled is None else "disabled",
        }
        for row in rows
    ]
    print_rows(_COLUMNS, shown, form)


@user_group.command("set-groups")
@click.argument("name")
@click.argument("groups", nargs=-1, metavar="[GROUP]...")
@place_options
@click.pass_obj
def set_groups(
    options: ServerOptions, name: str, groups: tuple[str, ...], state_dir: str | None, config_file: str | None
) -> None:
    """Give NAME these groups instead of those they have. What they may not do without them ends within 2 seconds."""
    from whale.server import users

    given = asyncio.run(users.set_groups(options.place(state_dir=state_dir, config_file=config_file), name, groups))
    click.echo(f"{name} is in {', '.join(given) or 'no group'}", err=True)


@user_group.command()
@click.argument("name")
@place_options
@click.pass_obj
def disable(options: ServerOptions, name: str, state_dir: str | None, config_file: str | None) -> None:
    """Let NAME in no more. Their logins and sessions end within 2 seconds."""
    from whale.server import users

    asyncio.run(users.disable(options.place(state_dir=state_dir, config_file=config_file), name))
    click.echo(f"{name} is disabled", err=True)


@user_group.command()
@click.argument("name")
@place_options
@click.pass_obj
def enable(options: ServerOptions, name: str, state_dir: str | None, config_file: str | None) -> None:
    """Let NAME log in again. Earlier logins stay ended."""
    from whale.server import users

    asyncio.run(users.enable(options.place(state_dir=state_dir, config_file=config_file), name))
    click.echo(f"{name} may log in again", err=True)


@user_group.command()
@click.argument("name")
@place_options
@click.pass_obj
def remove(options: ServerOptions, name: str, state_dir: str | None, config_file: str | None) -> None:
    """Remove NAME. Their logins and sessions end within 2 seconds, and the name is free."""
    from whale.server import users

    asyncio.run(users.remove(options.place(state_dir=state_dir, config_file=config_file), name))
    click.echo(f"{name} is removed", err=True)


def _show(config: Config, made: "Link") -> None:
    from whale.server.users import enrolment_url

    click.echo(f"whale login '{enrolment_url(config, made.code)}'")
    until = written_time(made.expires)
    click.echo(f"send this to {made.name}: it works once, until {until}, and is not shown again", err=True)
