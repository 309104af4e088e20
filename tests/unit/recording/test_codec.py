import base64
import random
import sys
from typing import TYPE_CHECKING

import pyrage
import pytest

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

from whale.model.errors import RecordingError
from whale.recording import codec
from whale.recording.codec import Opener, Sealer

LINES = b'[0.001, "o", "hello"]\n' * 1000


def _open(body: bytes, *keys: str, is_encrypted: bool = False) -> bytes:
    return Opener(keys).lines(is_encrypted=is_encrypted).open(body, is_more=False)


def test_lines_come_back_smaller() -> None:
    sealed = Sealer().seal(LINES)
    assert len(sealed) < len(LINES) // 20
    assert _open(sealed) == LINES
    assert (Sealer().seal(b""), _open(b"")) == (b"", b"")


def test_parts_help_those_that_follow() -> None:
    noise = base64.b64encode(random.Random(1).randbytes(3000)) + b"\n"
    parts = [noise, b"", noise, LINES]
    sealed = list(Sealer().seal_all(parts))
    assert len(sealed[2]) < len(sealed[0]) // 10
    opener = Opener().lines(is_encrypted=False)
    assert [opener.open(body, is_more=bool(number)) for number, body in enumerate(sealed)] == parts
    assert opener.open(sealed[0], is_more=False) == noise
    for body in sealed[2:]:
        with pytest.raises(RecordingError) as failed:
            Opener().lines(is_encrypted=False).open(body, is_more=True)
        assert failed.value.code == "recording.damaged"


def test_only_who_has_the_key_reads() -> None:
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    sealer = Sealer([str(mine.to_public())])
    sealed = sealer.seal(LINES)
    assert sealer.is_encrypting
    assert b"hello" not in sealed
    assert _open(sealed, str(other), str(mine), is_encrypted=True) == LINES
    opener = Opener([str(mine)]).lines(is_encrypted=True)
    parts = list(sealer.seal_all([LINES, LINES]))
    assert [opener.open(parts[0], is_more=False), opener.open(parts[1], is_more=True)] == [LINES, LINES]
    for keys in ((), (str(other),)):
        with pytest.raises(RecordingError) as failed:
            _open(sealed, *keys, is_encrypted=True)
        assert failed.value.code == "recording.encrypted"


@pytest.mark.parametrize(
    "data", [b"nonsense", Sealer().seal(b"x" * 100 + b"\n")[:-3], Sealer().seal(b"x\n") + b"y", Sealer().seal(b"x")]
)
def test_what_is_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(RecordingError) as failed:
        _open(data)
    assert failed.value.code == "recording.damaged"


def test_nothing_goes_on_behind_the_end_of_what_was_compressed() -> None:
    opener = Opener().lines(is_encrypted=False)
    opener.open(Sealer().seal(b"x\n"), is_more=False)
    with pytest.raises(RecordingError):
        opener.open(b"more", is_more=True)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_PLAIN", 1000)
    large = zstd.compress(b"\0" * 1000 + b"\n")
    with pytest.raises(RecordingError):
        _open(large)
    with pytest.raises(RecordingError):
        Sealer().seal(b"\0" * 1000 + b"\n")
    assert len(_open(Sealer().seal(b"\0" * 999 + b"\n"))) == 1000


def test_what_wants_much_memory_is_not_unpacked() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    with pytest.raises(RecordingError):
        _open(packer.compress(b"x\n") + packer.flush())


def test_keys_that_are_none_are_refused() -> None:
    with pytest.raises(RecordingError):
        Sealer(["age1nothing"])
    with pytest.raises(RecordingError):
        Opener(["AGE-SECRET-KEY-1NO"])
