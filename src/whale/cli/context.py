"""`whale context`: the servers one is logged in to."""

import json

import click

from whale.cli.logout import forget
from whale.cli.table import print_table
from whale.client.profile import Profiles, changing, environment, find_profile, load, save

_FORM = click.Option(
    ["--format", "form"],
    type=click.Choice(["table", "json", "name"]),
    default="table",
    help="What to print.",
    show_default=True,
)


@click.group()
def context() -> None:
    """List, choose and remove the servers you are logged in to."""


def _list(*, form: str) -> int:
    profiles = load(environment())
    saved = [profiles.saved[name] for name in sorted(profiles.saved)]
    if form == "json":
        entries = [{"name": p.name, "url": p.address.url, "current": p.name == profiles.current} for p in saved]
        click.echo(json.dumps(entries, indent=2))
    elif form == "name":
        for profile in saved:
            click.echo(profile.name)
    else:
        rows = [("*" if p.name == profiles.current else "", p.name, p.address.url) for p in saved]
        print_table(("", "NAME", "URL"), rows)
    return 0


def _use(*, name: str) -> int:
    with changing(environment()) as profiles:
        find_profile(profiles, name)
        save(Profiles(name, profiles.saved), environment())
    return 0


def _remove(*, name: str) -> int:
    forget(name)
    return 0


def _name() -> click.Argument:
    return click.Argument(["name"], shell_complete=_complete)


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from whale.model.errors import WhaleError

    try:
        return [name for name in sorted(load(environment()).saved) if name.startswith(incomplete)]
    except WhaleError:
        return []


context.add_command(click.Command("ls", params=[_FORM], callback=_list, help="List contexts; * marks the current one."))
context.add_command(click.Command("use", params=[_name()], callback=_use, help="Make a context the current one."))
context.add_command(click.Command("rm", params=[_name()], callback=_remove, help="Remove a context and its token."))
