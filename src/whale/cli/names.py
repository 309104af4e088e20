"""The CONTAINER argument, completed with the names of live containers."""

import click
from click.shell_completion import CompletionItem

from whale.cli.app import GlobalOptions
from whale.client.profile import environment, find_server
from whale.model.errors import WhaleError

COMPLETION_TIMEOUT = 1.0
"""Seconds a user who pressed Tab waits at most for a server."""


def container_argument() -> click.Argument:
    """Make the argument that names a container."""
    return click.Argument(["container"], shell_complete=_complete)


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Name the running containers that fit. Silent on any failure: an error would land in the user's line."""
    from whale.client.http import list_containers

    outer = ctx.find_root().params
    options = GlobalOptions(str(outer.get("context") or ""), bool(outer.get("insecure_http")))
    try:
        profile = find_server(**options._asdict(), environ=environment())
        containers = list_containers(profile, include_stopped=False, timeout=COMPLETION_TIMEOUT)
    except WhaleError:
        return []
    names = sorted({container.name for container in containers if container.name.isprintable()})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
