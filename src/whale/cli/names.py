"""The CONTAINER and SESSION arguments, completed with what there is."""

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from whale.cli.app import GlobalOptions
from whale.client.profile import Profile, environment, find_server
from whale.model.errors import WhaleError

COMPLETION_TIMEOUT = 1.0
"""Seconds a user who pressed Tab waits at most for a server."""


MAX_COMPLETED = 1000
"""Recordings that are completed: there may be very many."""


def container_argument() -> click.Argument:
    """Make the argument that names a container."""
    return click.Argument(["container"], shell_complete=_complete)


def session_argument(*, nargs: int = 1) -> click.Argument:
    """Make the argument that names a session, or several."""
    return click.Argument(["session"], nargs=nargs, required=True, shell_complete=_complete_session)


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the running containers that fit."""
    from whale.client.http import list_containers

    def names(profile: Profile) -> set[str]:
        found = list_containers(profile, include_stopped=False, timeout=COMPLETION_TIMEOUT)
        return {container.name for container in found}

    return _items(ctx, names, incomplete)


def _complete_session(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the sessions that fit, by name or id."""
    from whale.client.http import list_sessions

    def names(profile: Profile) -> set[str]:
        return {one.name or one.id for one in list_sessions(profile, timeout=COMPLETION_TIMEOUT)}

    return _items(ctx, names, incomplete)


def approval_argument() -> click.Argument:
    """Make the argument that names a request for an approval."""
    return click.Argument(["approval"], metavar="ID", shell_complete=_complete_approval)


def _complete_approval(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name those that can be decided."""
    from whale.client.approvals import list_approvals

    def names(profile: Profile) -> set[str]:
        return {one.id for one in list_approvals(profile, timeout=COMPLETION_TIMEOUT)}

    return _items(ctx, names, incomplete)


def recording_argument(*, nargs: int = 1) -> click.Argument:
    """Make the argument that names a recording, or several."""
    return click.Argument(
        ["recording"], metavar="ID" if nargs == 1 else "ID...", nargs=nargs, required=True,
        shell_complete=_complete_recording,
    )  # fmt: skip


def _complete_recording(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the newest of those that one may read."""
    from whale.client.recordings import list_recordings

    def names(profile: Profile) -> set[str]:
        return {one.id for one in list_recordings(profile, {}, limit=MAX_COMPLETED, timeout=COMPLETION_TIMEOUT)}

    return _items(ctx, names, incomplete)


def _items(ctx: click.Context, names: Callable[[Profile], set[str]], incomplete: str) -> list[CompletionItem]:
    """Ask for names. Silent on any failure: an error would land in the user's line."""
    outer = ctx.find_root().params
    options = GlobalOptions(str(outer.get("context") or ""), bool(outer.get("insecure_http")))
    try:
        found = names(find_server(**options._asdict(), environ=environment()))
    except WhaleError:
        return []
    return [CompletionItem(name) for name in sorted(found) if name.isprintable() and name.startswith(incomplete)]
