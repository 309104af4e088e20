import random
import shutil
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recording_events import ID, header, output
from whale.model.recording_proof import RecordingProof, Sealed
from whale.recording.chunk import (
    END,
    HEAD,
    LINES,
    MAGIC,
    ChunkReader,
    End,
    Head,
    Note,
    chunk_files,
    encode_record,
    hash_file,
)
from whale.recording.codec import Sealer
from whale.recording.verify import verify, verify_proved
from whale.recording.writer import RecordingWriter


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("recordings") / ID
    writer = RecordingWriter.create(directory, header())
    for number in range(60):
        writer.write([output(number, b"line %d\r\n" % number)], {"stdout": number})
        if number % 15 == 14:
            writer.begin_chunk()
    for number in range(5):
        writer.write([output(60 + number, b"more\r\n")], {"stdout": 60 + number})
    return directory, writer.finish().sha256


def test_what_is_as_it_was_written(recorded: tuple[Path, str]) -> None:
    directory, head = recorded
    assert verify(directory, id=ID, head=head) == []
    assert verify(directory, id=ID, head=None) == []
    assert verify(directory, id="another", head=head) != []


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 10**6))
def test_any_change_is_found(recorded: tuple[Path, str], tmp_path: Path, seed: int) -> None:
    directory, head = recorded
    copy, some = tmp_path / str(seed), random.Random(seed)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    files = chunk_files(copy)
    path = some.choice(files)
    data = path.read_bytes()
    at = some.randrange(len(data))
    match some.randrange(5):
        case 0:
            path.write_bytes(data[:at] + bytes((data[at] ^ (1 << some.randrange(8)),)) + data[at + 1 :])
        case 1:
            path.write_bytes(data[:at])
        case 2:
            path.write_bytes(data + b"x")
        case 3:
            path.unlink()
        case _:
            one, other = some.sample(files, 2)
            one.rename(copy / "x")
            other.rename(one)
            (copy / "x").rename(other)
    assert verify(copy, id=ID, head=head) != []


def _split(path: Path) -> tuple[Head, list[bytes]]:
    """The records of a file, its head apart."""
    chunk, data = ChunkReader(path), path.read_bytes()
    ends = [record.end for record in chunk._read()]
    return chunk.head, [data[start:end] for start, end in pairwise(ends)]


def _forge(path: Path, some: random.Random) -> None:
    """Change its records so that each is whole by itself."""
    head, records = _split(path)
    at = some.randrange(len(records))
    match some.randrange(5):
        case 0:
            del records[at]
        case 1:
            records.insert(at, records[at])
        case 2:
            other = some.randrange(len(records) - 1)
            records[at], records[other] = records[other], records[at]
            if at == other:
                records.reverse()
        case 3:
            body = Sealer().seal(b'[0.000, "o", "nothing happened"]\n')
            records.insert(at, encode_record(LINES, Note(head.start), body))
        case _:
            head = msgspec.structs.replace(head, start=head.start + 1)
    path.write_bytes(MAGIC + encode_record(HEAD, head) + b"".join(records))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_who_knows_the_format_is_found_out_too(
    recorded: tuple[Path, str], tmp_path: Path, seed: int, mends_chain: bool
) -> None:
    directory, head = recorded
    copy, some = tmp_path / str(seed), random.Random(seed)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    files = chunk_files(copy)
    _forge(some.choice(files), some)
    previous = ""
    for path in files if mends_chain else []:
        data = path.read_bytes()
        said = ChunkReader(path)
        behind = next(said._read()).end
        new = msgspec.structs.replace(said.head, previous=previous)
        path.write_bytes(MAGIC + encode_record(HEAD, new) + data[behind:])
        previous = hash_file(path)
    assert verify(copy, id=ID, head=head) != []


def sealed(directory: Path, *, seq: int = 7, chunks: int = 0) -> Sealed:
    files = chunk_files(directory)
    chunks = chunks or len(files)
    return Sealed(seq, hash_file(files[chunks - 1]), chunks)


def test_the_trail_decides(recorded: tuple[Path, str]) -> None:
    directory, head = recorded
    proof = RecordingProof(finished=(sealed(directory),), anchored=(sealed(directory, seq=5, chunks=2),), is_begun=True)
    assert verify_proved(directory, id=ID, proof=proof, noted=head) == []
    assert verify_proved(directory, id=ID, proof=proof, noted=None) == []
    assert verify_proved(directory, id=ID, proof=proof._replace(is_begun=False), noted=head) == []
    going_on = proof._replace(finished=())
    assert verify_proved(directory, id=ID, proof=going_on, noted=None) == []
    for wrong, noted, said in (
        (proof, "0" * 64, "the list of recordings has another hash"),
        (proof._replace(problem="event 6 is missing"), head, "does not hold: event 6 is missing"),
        (proof._replace(finished=(sealed(directory), Sealed(9, "0" * 64, 5))), head, "the events 7, 9 of"),
        (
            proof._replace(finished=(Sealed(7, head, 6),)),
            head,
            "there are 5 parts, and event 7 of the audit trail says 6",
        ),
        (proof._replace(anchored=(Sealed(5, "0" * 64, 2),)), head, "part 1 is not the one that event 5"),
        (going_on._replace(anchored=(Sealed(5, head, 9),)), None, "part 8 is not the one that event 5"),
        (going_on, head, "says that it is whole, and the audit trail does not"),
        (RecordingProof(), None, "the audit trail has nothing of it"),
    ):
        assert [line for line in verify_proved(directory, id=ID, proof=wrong, noted=noted) if said in line], said


def test_files_and_row_that_were_changed_together_are_found(recorded: tuple[Path, str], tmp_path: Path) -> None:
    directory, _ = recorded
    proof = RecordingProof(finished=(sealed(directory),), is_begun=True)
    writer = RecordingWriter.create(tmp_path / ID, header())
    writer.write([output(1, b"nothing happened\r\n")], {})
    forged = writer.finish().sha256
    assert verify(tmp_path / ID, id=ID, head=forged) == [], "by itself it is without fault"
    for noted in (forged, None):  # None where the row says that it is still made
        found = verify_proved(tmp_path / ID, id=ID, proof=proof, noted=noted)
        assert "the last part is not the one that the audit trail has the hash of" in found


def test_what_is_not_there_at_all_is_said_once(tmp_path: Path) -> None:
    proof = RecordingProof(finished=(Sealed(1, "f" * 64, 1),))
    assert len(verify_proved(tmp_path / "none", id=ID, proof=proof, noted="f" * 64)) == 1


def test_it_says_where(recorded: tuple[Path, str], tmp_path: Path) -> None:
    directory, head = recorded
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    path = chunk_files(copy)[1]
    _, records = _split(path)
    path.write_bytes(path.read_bytes()[: -len(records[-1])])
    found = verify(copy, id=ID, head=head)
    assert f"000001.chunk has no end: what is behind record {len(records) - 1} is missing, or damaged" in found
    assert "000002.chunk does not follow what is before it" in found
    path.write_bytes((directory / path.name).read_bytes() + b"more")
    assert "000001.chunk goes on behind its end" in verify(copy, id=ID, head=head)


def test_what_is_still_made_may_be_torn(writer: RecordingWriter, directory: Path) -> None:
    writer.write([output(1, b"hello")], {})
    (path,) = chunk_files(directory)
    path.write_bytes(path.read_bytes()[:-3])
    assert verify(directory, id=ID, head=None) == []
    assert verify(directory, id=ID, head=hash_file(path)) != []


@pytest.mark.parametrize("is_last", [True, False])
def test_an_end_at_the_wrong_place_is_found(directory: Path, writer: RecordingWriter, is_last: bool) -> None:
    writer.begin_chunk()
    writer.close()
    first, second = chunk_files(directory)
    if is_last:
        head, records = _split(first)
        first.write_bytes(MAGIC + encode_record(HEAD, head) + records[0] + encode_record(END, End(0, is_last=True)))
        assert "000000.chunk says that it is the last part" in verify(directory, id=ID, head=None)
    else:
        second.write_bytes(second.read_bytes() + encode_record(END, End(0)))
        assert "000001.chunk is not the last part, and says so" in verify(directory, id=ID, head=hash_file(second))


def test_times_that_go_back_are_found(directory: Path, writer: RecordingWriter) -> None:
    writer.write([output(100, b"hello")], {})
    writer.close()
    (path,) = chunk_files(directory)
    path.write_bytes(path.read_bytes() + encode_record(LINES, Note(50), Sealer().seal(b'[0, "o", "x"]\n')))
    assert verify(directory, id=ID, head=None) == ["record 3 of 000000.chunk ends before the one before it"]
