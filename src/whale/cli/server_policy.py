"""`whale-server policy`: look at policies before a server does.

The server's room is imported inside the commands, as in `server_token.py`.
"""

import asyncio
from pathlib import Path
from typing import Any

import click

from whale.cli.server_options import ServerOptions, place_options
from whale.model.exec import ExecSpec
from whale.model.principal import Action

_EPILOG = """\b
Examples:
  whale-server policy init /etc/whale/policies
  whale-server policy check /etc/whale/policies
  whale-server policy test --policies /etc/whale/policies expected.toml
  whale-server policy explain --as alice shell web
"""

EXIT_DENIED = 1

ACTIONS = tuple(action.value for action in Action)

_CONFIG = click.option("--config", "config_file", metavar="FILE", help="Settings file, TOML.")


@click.group(name="policy", epilog=_EPILOG)
def policy_group() -> None:
    """Write and check policies: who may do what. docs/policies.md is their guide."""


@policy_group.command()
@click.argument("place", required=False, metavar="[DIR]")
@_CONFIG
@click.pass_obj
@click.pass_context
def check(ctx: click.Context, options: ServerOptions, place: str | None, config_file: str | None) -> None:
    """Check the policies of DIR, a directory or one file, as the server would. Status 1 if one is wrong.

    Without DIR it is that of the setting policy.dir.
    """
    from whale.server import policy_admin

    report = policy_admin.check(_place(options, place, config_file))
    for problem in report.problems:
        click.echo(problem, err=True)
    if report.problems:
        ctx.exit(1)
    click.echo(f"{report.policies} policies in {report.files} files are right")
    if not report.policies:
        click.echo("nobody may do anything by them; `whale-server policy init` writes some to begin with", err=True)


@policy_group.command()
@click.argument("directory", metavar="DIR")
@click.pass_obj
def init(options: ServerOptions, directory: str) -> None:
    """Write a commented set of policies into DIR: roles by group, and access by a container's label."""
    del options
    from whale.server import policy_admin

    for name in policy_admin.init(Path(directory)):
        click.echo(name)
    click.echo(f"read and change them, then set policy.dir to {directory} and start the server anew", err=True)


@policy_group.command()
@click.argument("file", metavar="FILE")
@click.option("--policies", "place", metavar="DIR", help="Directory, or one file.  [default: policy.dir]")
@_CONFIG
@click.pass_obj
@click.pass_context
def test(ctx: click.Context, options: ServerOptions, file: str, place: str | None, config_file: str | None) -> None:
    """Decide everything that FILE expects, and name what comes out otherwise, with status 1.

    FILE is TOML: who may do what on which container, and who may not. docs/policies.md shows the form.
    """
    from whale.server import policy_admin, policy_table

    rules = policy_admin.load(_place(options, place, config_file))
    report = policy_table.run_table(rules, policy_table.read_table(Path(file)))
    for failure in report.failures:
        click.echo(failure, err=True)
    click.echo(f"{report.total - len(report.failures)} of {report.total} decisions are as expected")
    ctx.exit(1 if report.failures else 0)


@policy_group.command(context_settings={"allow_interspersed_args": False})
@click.option("--as", "name", required=True, metavar="NAME", help="The name of a token.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="As if it were in this group, and in no other.")
@click.option("--owner", default="", metavar="NAME", help="Who began the session.  [default: NAME]")
@click.option("-u", "--user", default="", metavar="USER", help="User in the container.")
@click.option("-w", "--workdir", default="", metavar="DIR", help="Working directory in the container.")
@click.option("-t", "--tty", is_flag=True, help="With a terminal; a shell has one.")
@click.option("--privileged", is_flag=True, help="With extended privileges.")
@click.option("--reason", default="", metavar="TEXT", help="With this reason given.")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("container")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@place_options
@click.pass_obj
@click.pass_context
def explain(ctx: click.Context, options: ServerOptions, /, **given: Any) -> None:
    """Say whether NAME may do ACTION in CONTAINER, by which policies, and what is missing. Status 1 for no.

    It asks the engine for the container, and the server's database for the groups of the token.
    """
    from whale.server import policy_explain

    config = options.config(state_dir=given["state_dir"], config_file=given["config_file"])
    action = Action(given["action"])
    spec = ExecSpec(
        command=given["command"],
        tty=given["tty"] or action is Action.SHELL,
        user=given["user"],
        workdir=given["workdir"],
        privileged=given["privileged"],
    )
    found = asyncio.run(
        policy_explain.explain(
            config,
            given["name"],
            action,
            given["container"],
            spec,
            groups=given["groups"],
            owner=given["owner"],
            reason=given["reason"],
        )
    )
    for line in policy_explain.lines(found):
        click.echo(line)
    ctx.exit(0 if found.decision.allowed else EXIT_DENIED)


def _place(options: ServerOptions, place: str | None, config_file: str | None) -> Path:
    from whale.server import policy_admin

    if place:
        return Path(place)
    config = options.config(state_dir=None, config_file=config_file)
    return policy_admin.directory_of(config.policy.dir, place)
