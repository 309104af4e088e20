import pyrage
import pytest

from whale.model.errors import RecordingError
from whale.recording import codec
from whale.recording.codec import Opener, Sealer


def test_lines_come_back_smaller() -> None:
    lines = b'[0.001, "o", "hello"]\n' * 1000
    sealed = Sealer().seal(lines)
    assert len(sealed) < len(lines) // 20
    assert Opener().open(sealed, is_encrypted=False) == lines


def test_only_who_has_the_key_reads() -> None:
    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    sealer = Sealer([str(mine.to_public())])
    sealed = sealer.seal(b"secret line\n" * 10)
    assert sealer.is_encrypting
    assert b"secret" not in sealed
    assert Opener([str(other), str(mine)]).open(sealed, is_encrypted=True) == b"secret line\n" * 10
    for opener in (Opener(), Opener([str(other)])):
        with pytest.raises(RecordingError) as failed:
            opener.open(sealed, is_encrypted=True)
        assert failed.value.code == "recording.encrypted"


@pytest.mark.parametrize("data", [b"", b"nonsense", Sealer().seal(b"x" * 100)[:-3], Sealer().seal(b"x") + b"y"])
def test_what_is_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(RecordingError) as failed:
        Opener().open(data, is_encrypted=False)
    assert failed.value.code == "recording.damaged"


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_PLAIN", 1000)
    with pytest.raises(RecordingError):
        Opener().open(Sealer().seal(b"\0" * 1001), is_encrypted=False)
    assert len(Opener().open(Sealer().seal(b"\0" * 1000), is_encrypted=False)) == 1000


def test_keys_that_are_none_are_refused() -> None:
    with pytest.raises(RecordingError):
        Sealer(["age1nothing"])
    with pytest.raises(RecordingError):
        Opener(["AGE-SECRET-KEY-1NO"])
