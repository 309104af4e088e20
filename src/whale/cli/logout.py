"""`whale logout`: end a login, or forget a token."""

import click

from whale.client.profile import Profiles, changing, environment, find_profile, load, save
from whale.model.errors import UsageError


def _run(*, name: str | None) -> int:
    profiles = load(environment())
    chosen = name or profiles.current
    if not chosen:
        raise UsageError("there is no current context", hint="name one; whale context ls shows them")
    profile = find_profile(profiles, chosen)
    if profile.refresh is None:
        forget(chosen)
        click.echo(f"forgot the token of {chosen}; it stays valid until it is revoked on the server", err=True)
        return 0
    from whale.client.renew import end_login

    with changing(environment()) as now:  # no other whale refreshes it meanwhile
        end_login(now.saved.get(chosen, profile))
        save(_without(now, chosen), environment())
    click.echo(f"logged out of {chosen}", err=True)
    return 0


def forget(name: str) -> None:
    """Remove a login from the file. Raises `UsageError` for one that is not there."""
    with changing(environment()) as profiles:
        find_profile(profiles, name)
        save(_without(profiles, name), environment())


def _without(profiles: Profiles, name: str) -> Profiles:
    left = {key: profile for key, profile in profiles.saved.items() if key != name}
    return Profiles("" if profiles.current == name else profiles.current, left)


logout = click.Command(
    "logout",
    params=[click.Argument(["name"], required=False)],
    callback=_run,
    help="""End the login of a context; without NAME of the current one.

    The server ends all that goes on by it. A token that an administrator made is only forgotten here. Where the server
    can't be reached nothing is done: `whale context rm` forgets a login without telling it.""",
    short_help="End a login, or forget a token.",
)
