from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.object_store import ObjectServer
from tests.recording_events import header, output
from tests.recordings import recording
from tests.unit.server.settings import config_for
from whale.broker.trail import Trail
from whale.model.errors import RecordingError
from whale.model.recordings import Recording
from whale.recording.writer import RecordingWriter
from whale.server.config_recording import RecordingSection
from whale.server.config_s3 import S3Section
from whale.server.recording_parts import RecordingCollector, RecordingParts
from whale.store.database import Database


def section(server: ObjectServer) -> RecordingSection:
    place = server.place
    return RecordingSection(
        s3=S3Section(
            bucket=place.bucket, prefix=place.prefix, endpoint=place.endpoint, credentials_file=place.credentials_file
        )
    )


def metrics(parts: RecordingParts) -> dict[str, float]:
    return {each.name: each.value for family in RecordingCollector(parts).collect() for each in family.samples}


async def test_without_a_store_nothing_goes_anywhere(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "state")
    parts = await RecordingParts.made(config_for(tmp_path / "state"), database, Trail())
    assert parts.upload is None
    work = parts.work()
    assert list(work) == ["notes of recordings", "text of recordings", "old recordings"]
    for each in work.values():
        each.close()
    parts.writing.failures["alarm"] = 2
    assert metrics(parts) == {"whale_recording_failures_total": 2.0}
    await database.aclose()


async def test_a_store_has_all_and_loses_what_is_deleted(tmp_path: Path) -> None:
    with ObjectServer(tmp_path / "s3") as server:
        database = await Database.open(tmp_path / "state")
        parts = await RecordingParts.made(config_for(tmp_path / "state", recording=section(server)), database, Trail())
        upload = parts.upload
        assert upload is not None
        for each in parts.work().values():
            each.close()
        row = recording(1)
        await parts.table.insert(row)
        parts.shelf.prepare()
        writer = RecordingWriter.create(parts.shelf.place(row.id), header(row.id))
        writer.write([output(0, b"hello")], {})
        writer.finish()
        await parts.writing.notes.end(row)
        assert metrics(parts)["whale_recordings_waiting"] == 1
        await upload._upload_due()
        assert server.objects == [f"{row.id}/000000.chunk", f"{row.id}/parts.json"]
        found = metrics(parts)
        assert (found["whale_recordings_waiting"], found["whale_recordings_upload_failures_total"]) == (0, 0)
        assert found["whale_recordings_uploaded_bytes_total"] > 100
        server.stop()
        said: list[str] = []

        def event(deleted: Recording) -> Callable[[], Awaitable[None]]:
            async def written() -> None:
                said.append(deleted.id)

            return written

        with pytest.raises(RecordingError, match="not wholly deleted yet"):
            await parts.removal.remove(row, event)
        assert parts.shelf.place(row.id).exists()
        server.start()
        assert await parts.removal.finish(event) == 1
        assert (server.objects, parts.shelf.place(row.id).exists()) == ([], False)
        assert said == [row.id] * 2
        await database.aclose()
