"""`whale recordings`: what was recorded, and to take it away or delete it."""

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import recording_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.cli.recording_keeping import hold, label, release
from whale.cli.recording_search import search_command
from whale.cli.recording_source import identity_option, opened
from whale.cli.table import print_table
from whale.client.export import FORMS
from whale.client.profile import Profile, environment, find_server
from whale.client.recordings import RecordingInfo, delete_recording, get_proof, get_recording, list_recordings
from whale.client.session import EXIT_BROKEN_PIPE, guard_descriptors
from whale.client.terminal import is_terminal
from whale.model.errors import UsageError
from whale.model.text import printable

SHORT_ID = 12
MAX_COMMAND = 40
HEADINGS = ("ID", "WHO", "CONTAINER", "COMMAND", "STARTED", "LENGTH", "SIZE", "STATUS")
EXIT_NOT_AS_WRITTEN = 1
_WHOLE = ("finished", "interrupted")

_EPILOG = """\b
Examples:
  whale recordings --person alice --since 7d
  whale recordings --text "drop table" --format json
  whale recordings export 5f3a --format text
  whale play 5f3a
"""


def _server(globals_: GlobalOptions) -> Profile:
    return find_server(**globals_._asdict(), environ=environment())


@click.pass_context
def _list(ctx: click.Context, /, *, form: str, limit: int, everything: bool, **query: str) -> int:
    if ctx.invoked_subcommand is not None:
        return 0
    found = list_recordings(_server(ctx.obj), query, limit=None if everything else limit)
    if form == "json":
        click.echo(json.dumps([one._asdict() for one in found], indent=2))
    elif form == "id":
        for one in found:
            click.echo(printable(one.id))
    else:
        print_table(HEADINGS, [_row(one) for one in found])
    return 0


def _row(one: RecordingInfo) -> tuple[str, ...]:
    command = " ".join(one.command) or "(login shell)"
    return (
        one.id[:SHORT_ID],
        one.person,
        one.container,
        command if len(command) <= MAX_COMMAND else command[: MAX_COMMAND - 1] + "…",
        datetime.fromtimestamp(one.started, UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        length(one.seconds),
        size(one.stored_bytes),
        ", ".join(_status(one)),
    )


def _status(one: RecordingInfo) -> list[str]:
    said = [one.status if one.exit_status is None else f"{one.status} ({one.exit_status})"]
    said += ["encrypted"] if one.encrypted else []
    said += ["held"] if one.held else []
    return said + ([f"label {one.label}"] if one.label else [])


def length(seconds: float) -> str:
    """Say how long something is, as a clock does: 1:02:03."""
    minutes, whole = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"


def size(count: int) -> str:
    """Say a number of bytes in its largest unit."""
    if count < 1024:
        return f"{count} B"
    value, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f} {unit}"


@click.pass_obj
def _export(globals_: GlobalOptions, /, *, recording: str, form: str, output: str, identity: str, reason: str) -> int:
    guard_descriptors()
    to_stdout = output in ("", "-")
    if form == "raw" and to_stdout and is_terminal(1):
        raise UsageError("what was recorded would act on this terminal", hint="use whale play, or give --output FILE")
    said = read_reason(reason, environment())
    with opened(_server(globals_), recording, identity=identity, reason=said) as open_at, open_at(0) as lines:
        pieces = FORMS[form](lines)
        if not to_stdout:
            return _write_file(output, pieces)
        try:
            for piece in pieces:
                _write(1, piece)
        except BrokenPipeError:
            return EXIT_BROKEN_PIPE
    return 0


def _write_file(name: str, pieces: Iterable[bytes]) -> int:
    """Write a file that has its name when it is whole."""
    part = f"{name}.part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unwritable(error) from error
    try:
        for piece in pieces:
            _write(descriptor, piece)
        os.replace(part, name)
    except OSError as error:
        raise _unwritable(error) from error
    finally:
        os.close(descriptor)
        if os.path.lexists(part):
            os.unlink(part)
    return 0


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error) from error


def _unwritable(error: OSError) -> UsageError:
    return UsageError(f"the output can't be written: {error.strerror}", code="usage.output")


@click.pass_obj
def _verify(globals_: GlobalOptions, /, *, recording: str, form: str, reason: str) -> int:
    from whale.client.own_copy import check_copy, own_copy

    profile, said = _server(globals_), read_reason(reason, environment())
    found = get_recording(profile, recording)
    # Before the files: what is whole by then is in the copy, too.
    proof = get_proof(profile, found.id)
    with own_copy(profile, found.id, reason=said) as directory:
        problems = check_copy(directory, id=found.id, proof=proof, noted=found.head if found.status in _WHOLE else None)
        parts = sum(1 for _ in directory.iterdir())
    if form == "json":
        event = proof.finished[0].seq if proof.finished else None
        trail = {"event": event, "seq": proof.seq, "hash": proof.head}
        click.echo(json.dumps({"id": found.id, "parts": parts, "problems": problems, "trail": trail}, indent=2))
        return EXIT_NOT_AS_WRITTEN if problems else 0
    for problem in problems:
        click.echo(printable(f"{found.id}: {problem}"))
    if problems:
        return EXIT_NOT_AS_WRITTEN
    still = "" if proof.finished else ", and is still made"
    click.echo(printable(f"{found.id}: {parts} {'part' if parts == 1 else 'parts'}, as written{still}"))
    click.echo(printable(f"the audit trail holds from the session on: {proof.seq}:{proof.head}"))
    return 0


@click.pass_obj
def _delete(globals_: GlobalOptions, /, *, recording: tuple[str, ...], reason: str) -> int:
    profile, said = _server(globals_), read_reason(reason, environment())
    for each in recording:
        delete_recording(profile, each, reason=said)
    return 0


def _format(*forms: str) -> click.Option:
    return click.Option(
        ["--format", "form"], type=click.Choice(forms), default=forms[0], help="What to print.", show_default=True
    )


export = click.Command(
    "export",
    params=[
        click.Option(
            ["--format", "form"],
            type=click.Choice(list(FORMS)),
            default="asciicast-v3",
            help="asciicast is what asciinema plays; text has no control sequences, raw is the output as it was.",
            show_default=True,
        ),
        click.Option(["-o", "--output"], default="", metavar="FILE", help="Write there, and not to standard output."),
        identity_option(),
        *click_options((REASON,)),
        recording_argument(),
    ],
    callback=_export,
    help="Write a recording in a form that other programs read.",
)

verify = click.Command(
    "verify",
    params=[_format("text", "json"), *click_options((REASON,)), recording_argument()],
    callback=_verify,
    help="""Check that a recording is whole and as it was written. The exit status is 1 where it is not.

    Each part has the sum of the one before it, and the server's audit trail has that of the last one. It takes no key.
    What is printed of the trail can be compared with `whale-server audit verify`, or with a copy elsewhere.
    """,
    short_help="Check that a recording is as it was written.",
)

delete = click.Command(
    "delete",
    params=[*click_options((REASON,)), recording_argument(nargs=-1)],
    callback=_delete,
    help="""Delete recordings for good. The audit trail keeps who did.

    What is still recorded, or under a hold, stays.
    """,
    short_help="Delete recordings.",
)

_QUERY = {
    "person": ("NAME", "Who began the session."),
    "container": ("NAME", "Name, id or beginning of the id of the container."),
    "text": ("TEXT", "Anywhere in the command or the reason, in whatever case."),
    "since": ("TIME", "30m, 2h or 7d for so long ago, or 2027-01-15T08:00:00Z."),
    "until": ("TIME", "The same; those that began before it."),
}

recordings = click.Group(
    "recordings",
    commands=[
        search_command({name: what for name, what in _QUERY.items() if name != "text"}),
        export,
        verify,
        delete,
        hold,
        release,
        label,
    ],
    params=[
        *(click.Option([f"--{name}"], default="", metavar=kind, help=help) for name, (kind, help) in _QUERY.items()),
        click.Option(["--label"], default="", metavar="NAME", help="Kept by this label."),
        click.Option(["--held"], is_flag=True, flag_value="true", default="", help="Under a hold."),
        click.Option(
            ["-n", "--limit"], type=click.IntRange(1, 100_000), default=50, help="How many.", show_default=True
        ),
        click.Option(["-a", "--all", "everything"], is_flag=True, help="All that fit."),
        _format("table", "json", "id"),
    ],
    callback=_list,
    invoke_without_command=True,
    help="""List recordings that you may read, the newest first: whose session, where, what, and how long.

    See one with `whale play`.
    """,
    short_help="List, search, export, check, keep and delete recordings.",
    epilog=_EPILOG,
)
