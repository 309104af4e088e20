from pathlib import Path

import pytest

from tests.recording_events import header
from whale.recording.writer import RecordingWriter


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "0123456789abcdef"


@pytest.fixture
def writer(directory: Path) -> RecordingWriter:
    return RecordingWriter.create(directory, header())
