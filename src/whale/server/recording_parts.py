"""What recordings are made of in a server: where they are, who writes them, and what goes on beside that."""

import asyncio
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from whale.broker.readers import Readers
from whale.broker.recordings import Recordings
from whale.broker.removal import Removal
from whale.broker.tail import Flushes
from whale.broker.trail import Trail
from whale.model.recordings import Recording
from whale.policy.seam import Policy
from whale.recording.objects import ObjectStore
from whale.recording.shelf import RecordingShelf
from whale.server.config_model import Config
from whale.server.recording import ServerRecordings
from whale.server.recording_index import RecordingIndex
from whale.server.recording_retention import RecordingRetention
from whale.server.recording_upload import RecordingUpload
from whale.store.audit import AuditTable
from whale.store.database import Database
from whale.store.recordings import RecordingTable


class RecordingParts(NamedTuple):
    """One per server."""

    table: RecordingTable
    shelf: RecordingShelf
    removal: Removal
    flushes: Flushes
    text: RecordingIndex
    upload: RecordingUpload | None
    """None without an object store."""
    writing: ServerRecordings
    retention: RecordingRetention

    @classmethod
    async def made(cls, config: Config, database: Database, trail: Trail) -> "RecordingParts":
        """Make them. Raises `RecordingError` for an object store that can't be."""
        section, table, flushes = config.recording, RecordingTable(database), Flushes()
        objects = await asyncio.to_thread(ObjectStore, section.s3.place) if section.s3.bucket else None
        shelf = RecordingShelf(Path(config.state_dir) / "recordings", objects)
        text = RecordingIndex(section, shelf, table)
        upload = RecordingUpload(section.s3, shelf, objects, table) if objects is not None else None
        writing = ServerRecordings(section, shelf, table, trail, flushes, on_part=_Parts(text, upload).changed)
        removal = Removal(table, shelf, forget=_Parts(text, upload).forget)
        retention = RecordingRetention(section, table, removal, trail)
        return cls(table, shelf, removal, flushes, text, upload, writing, retention)

    def reading(self, policy: Policy, readers: Readers, trail: Trail, proofs: AuditTable) -> Recordings:
        """Make what lets people read them."""
        return Recordings(
            self.table,
            self.shelf,
            policy=policy,
            readers=readers,
            proofs=proofs,
            removal=self.removal,
            trail=trail,
            flushes=self.flushes,
        )

    def work(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What goes on until it is cancelled, by its names."""
        found = {
            "notes of recordings": self.writing.notes.run(),
            "text of recordings": self.text.run(),
            "old recordings": self.retention.run(),
        }
        return found if self.upload is None else found | {"recordings to the object store": self.upload.run()}


class _Parts(NamedTuple):
    """Who has to know of parts that are whole, and of recordings that are deleted."""

    text: RecordingIndex
    upload: RecordingUpload | None

    def changed(self, recording: Recording) -> None:
        self.text.changed(recording)
        if self.upload is not None:
            self.upload.changed(recording)

    async def forget(self, id: str) -> None:
        if self.upload is not None:
            await self.upload.delete(id)
        await self.text.delete(id)


class RecordingCollector(Collector):
    """How recordings do, for `/metrics`."""

    def __init__(self, parts: RecordingParts) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        """Make the metric families of this moment."""
        failures = CounterMetricFamily(
            "whale_recording_failures", "Sessions that could not be recorded.", labels=["outcome"]
        )
        for outcome, count in self._parts.writing.failures.items():
            failures.add_metric([outcome], count)
        yield failures
        upload = self._parts.upload
        if upload is not None:
            yield GaugeMetricFamily(
                "whale_recordings_waiting", "Recordings not all of which is in the object store.", value=upload.waiting
            )
            yield CounterMetricFamily(
                "whale_recordings_upload_failures", "Attempts to store that failed.", value=upload.failures
            )
            yield CounterMetricFamily("whale_recordings_uploaded_bytes", "Bytes stored.", value=upload.uploaded)
            yield CounterMetricFamily("whale_recordings_fetched_bytes", "Bytes read again.", value=upload.fetched)
