"""The seam has one implementation, which fits."""

from pathlib import Path
from typing import cast

from whale.broker.tail import Flushes
from whale.broker.trail import Trail
from whale.recording.shelf import RecordingShelf
from whale.server.config_recording import RecordingSection
from whale.server.recording import ServerRecordings
from whale.session.recordings import Recordings
from whale.store.recordings import RecordingTable


def test_the_server_s_recordings_fit(tmp_path: Path) -> None:
    table = cast(RecordingTable, None)
    made: Recordings = ServerRecordings(RecordingSection(), RecordingShelf(tmp_path), table, Trail(), Flushes())
    assert all(callable(getattr(made, name)) for name in vars(Recordings) if not name.startswith("_"))
