"""`whale recordings hold`, `release` and `label`: how long recordings are kept."""

import click

from whale.cli.app import GlobalOptions, click_options
from whale.cli.names import recording_argument
from whale.cli.options import REASON
from whale.cli.reason import read_reason
from whale.client.profile import environment, find_server
from whale.client.recordings import hold_recording, label_recording


@click.pass_obj
def _hold(globals_: GlobalOptions, /, *, recording: tuple[str, ...], reason: str) -> int:
    return _set_held(globals_, recording, reason, is_held=True)


@click.pass_obj
def _release(globals_: GlobalOptions, /, *, recording: tuple[str, ...], reason: str) -> int:
    return _set_held(globals_, recording, reason, is_held=False)


def _set_held(globals_: GlobalOptions, recordings: tuple[str, ...], reason: str, *, is_held: bool) -> int:
    environ = environment()
    profile, said = find_server(**globals_._asdict(), environ=environ), read_reason(reason, environ)
    for each in recordings:
        hold_recording(profile, each, is_held=is_held, reason=said)
    return 0


@click.pass_obj
def _label(globals_: GlobalOptions, /, *, name: str, recording: tuple[str, ...], reason: str) -> int:
    environ = environment()
    profile, said = find_server(**globals_._asdict(), environ=environ), read_reason(reason, environ)
    for each in recording:
        label_recording(profile, each, name, reason=said)
    return 0


hold = click.Command(
    "hold",
    params=[*click_options((REASON,)), recording_argument(nargs=-1)],
    callback=_hold,
    help="""Put recordings under a hold: nobody deletes them, and neither does their age, until they are released.""",
    short_help="Have nobody delete recordings.",
    epilog='\b\nExamples:\n  whale recordings hold --reason "case 7" 5f3a',
)

release = click.Command(
    "release",
    params=[*click_options((REASON,)), recording_argument(nargs=-1)],
    callback=_release,
    help="""Take the hold from recordings. Those that are too old by now are deleted within minutes.""",
    short_help="Take the hold from recordings.",
)

label = click.Command(
    "label",
    params=[
        *click_options((REASON,)),
        click.Argument(["name"], metavar="LABEL"),
        recording_argument(nargs=-1),
    ],
    callback=_label,
    help="""Give recordings a label. The server's settings say for how long which labels are kept.

    A recording has one label; an empty one takes it away.
    """,
    short_help="Say by what recordings are kept.",
    epilog='\b\nExamples:\n  whale recordings label incident 5f3a\n  whale recordings label "" 5f3a',
)
