"""Fuzz the file of a recording: lines or an error, whatever is in it, and never more than a bound in memory."""

import tempfile
from pathlib import Path

from whale.model.errors import RecordingError
from whale.recording.chunk import HEAD, LINES, MAGIC, Head, Note, encode_record, file_name
from whale.recording.codec import Sealer
from whale.recording.tail import TailReader
from whale.recording.verify import verify

ID = "0123456789abcdef" * 2
_SEAL = Sealer().seal
_HEAD = MAGIC + encode_record(HEAD, Head(ID, 0, 0))
_HEADER = _SEAL(b'{"version":3}\n')
_KEY = _SEAL(b'#whale {"key":{"at":5,"cols":80,"rows":24,"paint":"eA=="}}\n[0.1, "o", "x"]\n')
SEEDS: list[bytes] = [
    _HEAD + encode_record(LINES, Note(0), _HEADER) + encode_record(LINES, Note(5), _SEAL(b'[0.005, "o", "hi"]\n')),
    MAGIC + encode_record(HEAD, Head(ID, 0, 5)) + encode_record(LINES, Note(9), _KEY),
    _HEAD + encode_record(LINES, Note(0), _SEAL(b"half a line")),
]


def fuzz_one(data: bytes) -> None:
    """Read a recording whose second file is the input, from the beginning and from later."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / file_name(0)).write_bytes(SEEDS[0])
        (directory / file_name(1)).write_bytes(data)
        for at in (0, 7):
            try:
                reader = TailReader(directory, at=at)
                while reader.read(10_000):
                    pass
            except RecordingError:
                pass
        verify(directory, id=ID, head="0" * 64)
