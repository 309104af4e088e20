"""`whale logs`: what a container has written, and with -f what it goes on to write."""

import os

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import container_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.client.logs import open_logs
from whale.client.profile import environment, find_server
from whale.client.session import EXIT_BROKEN_PIPE, guard_descriptors
from whale.model.errors import UsageError


def _parse_tail(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    if value == "all":
        return None
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(f"{value!r} is neither a number of lines nor all")
    return int(value)


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, container: str, follow: bool, tail: int | None, reason: str) -> int:
    guard_descriptors()
    environ = environment()
    profile = find_server(**globals_._asdict(), environ=environ)
    said = read_reason(reason, environ)
    with open_logs(profile, container, follow=follow, tail=tail, reason=said) as pieces:
        try:
            for stream, data in pieces:
                _write(int(stream), data)
        except BrokenPipeError:
            return EXIT_BROKEN_PIPE
    return 0


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"the output can't be written: {error.strerror}", code="usage.output") from error


logs = click.Command(
    "logs",
    params=[
        click.Option(["-f", "--follow"], is_flag=True, help="Go on as the container writes."),
        click.Option(
            ["-n", "--tail"],
            callback=_parse_tail,
            default="all",
            metavar="LINES",
            help="Begin this many lines before the end.",
        ),
        *click_options((REASON,)),
        container_argument(),
    ],
    callback=_run,
    help="""Show a container's log: its output on stdout, its errors on stderr.

    The exit status is 0 only when the whole log was shown.
    """,
    short_help="Show a container's log.",
)
