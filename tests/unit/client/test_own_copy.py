"""Files that were copied are read here with a key, and checked without one."""

from pathlib import Path

import pyrage
import pytest

from tests.recording_events import ID, header, output
from tests.unit.client.scripted import Peer, Script, scripted
from whale.client.own_copy import CopiedLines, check_copy, open_copy, own_copy, read_identities
from whale.model.errors import RecordingError, UsageError
from whale.model.recording_proof import RecordingProof, Sealed
from whale.model.secret import Secret
from whale.recording.event import KeyFrame
from whale.recording.reader import RecordingReader
from whale.recording.writer import ClosedChunk, RecordingWriter

KEY = pyrage.x25519.Identity.generate()
KEYS = [Secret(str(KEY))]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, ClosedChunk]:
    writer = RecordingWriter.create(tmp_path / "r", header(), recipients=[str(KEY.to_public())])
    writer.write([output(1000, b"one\r\n")], {})
    writer.begin_chunk(KeyFrame(0, 80, 24, b"picture"))
    writer.write([output(2000, b"two\r\n")], {})
    return tmp_path / "r", writer.finish()


def serving(directory: Path) -> Script:
    def script(peer: Peer) -> None:
        file = directory / f"{int(peer.receive_request().path.rpartition('/')[2]):06}.chunk"
        if file.exists():
            peer.answer(200, file.read_bytes())
        else:
            peer.refuse(404, "recording.not_found", "no such part")

    return script


def test_a_copy_is_the_same_and_is_gone_afterwards(made: tuple[Path, ClosedChunk]) -> None:
    directory, closed = made
    with scripted(serving(directory)) as server, own_copy(server.profile, ID) as copy:
        assert copy.stat().st_mode & 0o777 == 0o700
        assert {p.name: p.read_bytes() for p in copy.iterdir()} == {p.name: p.read_bytes() for p in directory.iterdir()}
        proof = RecordingProof(finished=(Sealed(7, closed.sha256, 2),))
        assert check_copy(copy, id=ID, proof=proof, noted=closed.sha256) == []
        assert check_copy(copy, id=ID, proof=RecordingProof(), noted=closed.sha256) != []
    assert not copy.exists()


def test_the_key_opens_it(made: tuple[Path, ClosedChunk]) -> None:
    directory, _ = made
    whole = RecordingReader(directory, identities=[str(KEY)]).lines()
    with open_copy(directory, KEYS, 0) as lines:
        assert list(lines) == [line.rstrip(b"\n") for line in whole]
    with open_copy(directory, KEYS, 5000) as lines:
        assert b"picture" in b"".join(lines)
    with pytest.raises(RecordingError) as closed:
        list(CopiedLines(directory, []))
    assert closed.value.code == "recording.encrypted"


def test_can_be_ended(made: tuple[Path, ClosedChunk]) -> None:
    lines = CopiedLines(made[0], KEYS)
    lines.interrupt()
    assert list(lines) == []


def test_reads_what_age_keygen_writes(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"# created: 2027-01-15T08:00:00Z\n# public key: {KEY.to_public()}\n{KEY}\n\n")
    assert read_identities(str(file)) == KEYS


@pytest.mark.parametrize("text", ["", "# nothing\n", "x\n", f"{KEY}\nx\n", "AGE-SECRET-KEY-1" + "x" * 70_000])
def test_what_is_no_key_is_not_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_identities(str(file))
    assert "AGE-SECRET" not in str(refused.value)
    with pytest.raises(UsageError, match="can't be read"):
        read_identities(str(tmp_path / "none"))


def test_without_the_libraries_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "whale.recording.verify", None)
    with scripted(lambda peer: None) as server, pytest.raises(UsageError) as refused:
        with own_copy(server.profile, ID):
            raise AssertionError
    assert "whale-shell[recordings]" in refused.value.hint
