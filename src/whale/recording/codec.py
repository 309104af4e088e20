"""How lines are kept at rest: compressed, and encrypted to those who may read old recordings.

Who encrypts needs no secret: a server that records can't read what it has recorded.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from whale.model.errors import RecordingError
from whale.model.limits import MIB

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

MAX_PLAIN: Final = 32 * MIB
"""Bytes of the lines in one record: what a hostile file makes a reader use. Two MiB of output that are no text at all
are nine of lines."""

FAST: Final = 1
"""Level for what is written all the time."""

SMALL: Final[Mapping[int, int]] = {
    zstd.CompressionParameter.compression_level: 17,
    zstd.CompressionParameter.window_log: 20,
    zstd.CompressionParameter.hash_log: 18,
    zstd.CompressionParameter.chain_log: 18,
    zstd.CompressionParameter.search_log: 4,
}
"""What is written again when it is whole: as small as with level 18, in a fifth of its time, and 3 MiB of memory."""

_WINDOW: Final[Mapping[int, int]] = {zstd.DecompressionParameter.window_log_max: 25}
"""What compressed data may make a reader remember: MAX_PLAIN."""


class Sealer:
    """Makes what is stored of lines. With no recipients it is only compressed."""

    def __init__(self, recipients: Sequence[str] = ()) -> None:
        """`recipients`: public keys of age, `age1…`. Raises `RecordingError` for what is none."""
        self.recipients = tuple(recipients)
        self._keys = [_recipient(each) for each in recipients]

    @property
    def is_encrypting(self) -> bool:
        """Whether it takes a key to read what it makes."""
        return bool(self.recipients)

    def seal(self, lines: bytes) -> bytes:
        """Compress, and encrypt. Raises `RecordingError` for more than a reader would open."""
        if len(lines) > MAX_PLAIN:
            raise RecordingError("too much was to be recorded at once", detail=f"{len(lines)} bytes")
        return self._encrypt(zstd.compress(lines, FAST)) if lines else b""

    def seal_all(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Compress parts each with the help of those before it, and encrypt them one by one.

        They are opened in order by one `LineOpener`.
        """
        packer = zstd.ZstdCompressor(options=SMALL)
        for lines in parts:
            yield self._encrypt(packer.compress(lines, packer.FLUSH_BLOCK)) if lines else b""

    def _encrypt(self, packed: bytes) -> bytes:
        if not self._keys:
            return packed
        import pyrage

        return bytes(pyrage.encrypt(packed, self._keys))


class Opener:
    """Reads what a `Sealer` made."""

    def __init__(self, identities: Sequence[str] = ()) -> None:
        """`identities`: secret keys of age, `AGE-SECRET-KEY-1…`. Raises `RecordingError` for what is none."""
        self._identities = [_identity(each) for each in identities]

    def lines(self, *, is_encrypted: bool) -> "LineOpener":
        """Open the records of a chunk."""
        return LineOpener(self.decrypted if is_encrypted else bytes)

    def decrypted(self, data: bytes) -> bytes:
        """Take the encryption off. Raises `RecordingError`."""
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


class LineOpener:
    """Opens the records of one chunk, in order."""

    def __init__(self, decrypted: Callable[[bytes], bytes]) -> None:
        self._decrypted = decrypted
        self._unpacker: zstd.ZstdDecompressor | None = None

    def open(self, body: bytes, *, is_more: bool) -> bytes:
        """Return lines, all of them whole. `is_more`: compressed with the help of the record before it.

        Raises `RecordingError`.
        """
        if not is_more:
            self._unpacker = zstd.ZstdDecompressor(options=_WINDOW)
        if self._unpacker is None:
            raise _damaged("a record that goes on from none")
        if not body:
            return b""
        try:
            lines = self._unpacker.decompress(self._decrypted(body), MAX_PLAIN)
        except (zstd.ZstdError, EOFError) as error:
            raise _damaged(str(error)) from error
        if not (self._unpacker.needs_input or self._unpacker.eof) or self._unpacker.unused_data:
            raise _damaged("a record that is too large")
        if not lines.endswith(b"\n"):
            raise _damaged("a record with half a line")
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
