"""`whale-server policy`: look at policies before a server does.

The server's room is imported inside the commands, as in `server_token.py`.
"""

from pathlib import Path

import click

from whale.cli.server_options import ServerOptions

_EPILOG = """\b
Examples:
  whale-server policy init /etc/whale/policies
  whale-server policy check /etc/whale/policies
"""

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


def _place(options: ServerOptions, place: str | None, config_file: str | None) -> Path:
    from whale.server import policy_admin

    if place:
        return Path(place)
    config, _ = options.with_more(state_dir=None, config_file=config_file).load()
    return policy_admin.directory_of(config.policy.dir, place)
