import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recording_events import ID, header, output
from whale.recording.chunk import chunk_files
from whale.recording.verify import verify
from whale.recording.writer import RecordingWriter


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("recordings") / ID
    writer = RecordingWriter.create(directory, header())
    for number in range(40):
        writer.write([output(number, b"line %d\r\n" % number)], {})
        if number % 10 == 9:
            writer.begin_chunk()
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
