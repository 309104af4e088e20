"""`whale logout`: forget a token."""

import click

from whale.client.profile import Profiles, environment, find_profile, load, save
from whale.model.errors import UsageError


def _run(*, name: str | None) -> int:
    environ = environment()
    profiles = load(environ)
    chosen = name or profiles.current
    if not chosen:
        raise UsageError("there is no current context", hint="name one; whale context ls shows them")
    forget(profiles, chosen)
    click.echo(f"forgot the token of {chosen}; it stays valid until it is revoked on the server", err=True)
    return 0


def forget(profiles: Profiles, name: str) -> None:
    """Remove a login from the file. Raises `UsageError` for one that is not there."""
    find_profile(profiles, name)
    left = {key: profile for key, profile in profiles.saved.items() if key != name}
    save(Profiles("" if profiles.current == name else profiles.current, left), environment())


logout = click.Command(
    "logout",
    params=[click.Argument(["name"], required=False)],
    callback=_run,
    help="Forget the token of a context; without NAME of the current one.",
    short_help="Forget a token.",
)
