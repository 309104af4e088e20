"""Where `whale play` and `whale recordings export` have a recording from: the server, or a copy that a key opens."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from whale.client.followed_copy import followed_copy
from whale.client.own_copy import open_copy, own_copy, read_identities
from whale.client.profile import Profile
from whale.client.recordings import get_recording, open_cast
from whale.model.errors import RecordingError

if TYPE_CHECKING:
    from whale.client.play import OpenAt


def identity_option() -> click.Option:
    """Make the option that names the key of encrypted recordings."""
    return click.Option(
        ["--identity"],
        default="",
        metavar="KEYFILE",
        help="File with the secret key of age, for what is encrypted. It is read here, and sent nowhere.",
    )


@contextmanager
def opened(profile: Profile, reference: str, *, identity: str, reason: str, follow: bool = False) -> "Iterator[OpenAt]":
    """Find a recording; in the block it can be opened at any moment. Raises `WhaleError`."""
    found = get_recording(profile, reference)
    if not found.encrypted:
        yield lambda from_ms: open_cast(profile, found.id, from_ms=from_ms, follow=follow, reason=reason)
        return
    if not identity:
        raise RecordingError(
            "the recording is encrypted",
            code="recording.encrypted",
            hint="give the file with the secret key: --identity FILE",
        )
    identities = read_identities(identity)
    if follow:
        with followed_copy(profile, found.id, reason=reason) as copy:
            yield partial(copy.open, identities)
        return
    with own_copy(profile, found.id, reason=reason) as directory:
        yield partial(open_copy, directory, identities)
