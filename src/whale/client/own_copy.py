"""A recording that was copied from a server, read here: with a key that the server does not have, or to check it.

It takes libraries that a `whale` that only connects does not: the extra `recordings`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from whale.client.profile import Profile
from whale.client.recordings import fetch_chunks
from whale.model.errors import UsageError
from whale.model.recording_proof import RecordingProof
from whale.model.secret import Secret

MAX_KEYS: Final = 64 * 1024
"""Bytes of a file with keys."""

PIECE: Final = 64 * 1024
"""Bytes of lines that are read at once."""


@contextmanager
def own_copy(profile: Profile, id: str, *, reason: str = "") -> Iterator[Path]:
    """Copy the files of a recording into a directory that nobody else reads and that is gone after the block."""
    check_libraries()
    with TemporaryDirectory(prefix="whale-recording-") as folder:
        directory = Path(folder)
        fetch_chunks(profile, id, directory, reason=reason)
        yield directory


class CopiedLines:
    """Its lines, without their ends, from a moment on. Raises `RecordingError`."""

    def __init__(self, directory: Path, identities: Sequence[Secret], *, from_ms: int = 0) -> None:
        self._directory = directory
        self._identities = identities
        self._from_ms = from_ms
        self._is_interrupted = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield them."""
        from whale.recording.tail import TailReader

        keys = [identity.reveal() for identity in self._identities]
        reader = TailReader(self._directory, at=self._from_ms, identities=keys)
        while not self._is_interrupted and (piece := reader.read(PIECE)):
            yield from piece.splitlines()

    def interrupt(self) -> None:
        """End the iteration from another thread."""
        self._is_interrupted = True


@contextmanager
def open_copy(directory: Path, identities: Sequence[Secret], from_ms: int) -> Iterator[CopiedLines]:
    """Open the lines as those of a server are opened."""
    yield CopiedLines(directory, identities, from_ms=from_ms)


def check_copy(directory: Path, *, id: str, proof: RecordingProof, noted: str | None) -> list[str]:
    """Say what is not as it was written, by the server's audit trail. `noted`: see `verify_proved`."""
    from whale.recording.verify import verify_proved

    return verify_proved(directory, id=id, proof=proof, noted=noted)


def read_identities(file: str) -> list[Secret]:
    """Read the secret keys in a file of age. Raises `UsageError`."""
    try:
        with open(file, "rb") as opened:
            text = opened.read(MAX_KEYS + 1)
    except OSError as error:
        raise UsageError(f"the key can't be read: {error.strerror}") from error
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
    keys = [Secret(line) for line in lines if line and not line.startswith("#")]
    if not keys or len(text) > MAX_KEYS or not all(key.reveal().startswith("AGE-SECRET-KEY-1") for key in keys):
        raise UsageError("this is no file with secret keys of age", hint="`age-keygen -o FILE` makes one")
    return keys


def check_libraries() -> None:
    """Raise `UsageError` where nothing can be read here."""
    try:
        import whale.recording.verify  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "this takes libraries that are not installed",
            hint="pip install 'whale-shell[recordings]'",
            detail=str(error),
        ) from error
