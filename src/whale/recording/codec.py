"""How lines are kept at rest: compressed, and encrypted to those who may read old recordings.

Who encrypts needs no secret: a server that records can't read what it has recorded.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from whale.model.errors import RecordingError
from whale.model.limits import MIB

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

MAX_PLAIN: Final = 64 * MIB
"""Bytes of the lines in one record: what a hostile file makes a reader use."""

FAST: Final = 1
"""Level for what is written all the time: 2 ms for a MiB, which becomes a ninth."""

SMALL: Final = 6
"""Level for what is written once."""


class Sealer:
    """Makes what is stored of lines. With no recipients it is only compressed."""

    def __init__(self, recipients: Sequence[str] = ()) -> None:
        """`recipients`: public keys of age, `age1…`. Raises `RecordingError` for what is none."""
        self.is_encrypting = bool(recipients)
        self._recipients = [_recipient(each) for each in recipients]

    def seal(self, lines: bytes, *, level: int = FAST) -> bytes:
        """Compress, and encrypt."""
        packed = zstd.compress(lines, level)
        if not self._recipients:
            return packed
        import pyrage

        return bytes(pyrage.encrypt(packed, self._recipients))


class Opener:
    """Reads what a `Sealer` made."""

    def __init__(self, identities: Sequence[str] = ()) -> None:
        """`identities`: secret keys of age, `AGE-SECRET-KEY-1…`. Raises `RecordingError` for what is none."""
        self._identities = [_identity(each) for each in identities]

    def open(self, data: bytes, *, is_encrypted: bool) -> bytes:
        """Return the lines. Raises `RecordingError`."""
        try:
            return _unpack(self._decrypt(data) if is_encrypted else data)
        except zstd.ZstdError as error:
            raise _damaged(str(error)) from error

    def _decrypt(self, data: bytes) -> bytes:
        if not self._identities:
            raise RecordingError(
                "the recording is encrypted",
                code="recording.encrypted",
                hint="give the file with the secret key: --identity FILE",
            )
        import pyrage

        try:
            return bytes(pyrage.decrypt(data, self._identities))
        except pyrage.DecryptError as error:
            raise RecordingError("the recording can't be opened with this key", code="recording.encrypted") from error


def _unpack(data: bytes) -> bytes:
    unpacker = zstd.ZstdDecompressor()
    lines = unpacker.decompress(data, MAX_PLAIN)
    if not unpacker.eof or unpacker.unused_data:
        raise _damaged("a record that is too large, or not whole")
    return lines


def _damaged(detail: str) -> RecordingError:
    return RecordingError("the recording is not as it was written", code="recording.damaged", detail=detail)


def _recipient(text: str) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise RecordingError("this is no public key of age", hint="it begins with age1") from error


def _identity(text: str) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError as error:
        raise RecordingError(
            "this is no secret key of age", code="recording.encrypted", hint="it begins with AGE-SECRET-KEY-1"
        ) from error
