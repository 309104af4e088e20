"""The sinks that the settings name, and the pumps that feed them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from whale.audit.file_sink import FileSink
from whale.audit.pump import Pump, Sink
from whale.audit.recorder import Recorder
from whale.audit.retention import Retention
from whale.audit.syslog_sink import SyslogSink
from whale.server.audit_http import HttpSink
from whale.server.config_audit import AuditSection
from whale.store.audit import AuditTable


def make_pumps(config: AuditSection, table: AuditTable, recorder: Recorder) -> list[Pump]:
    """Make a pump for every sink that is set."""
    return [Pump(sink, table, recorder, spool=config.spool) for sink in _sinks(config)]


def make_retention(config: AuditSection, table: AuditTable, pumps: Sequence[Pump]) -> Retention | None:
    """Make what deletes old events, if they are not all kept."""
    return Retention(table, keep=config.keep, sinks=[pump.name for pump in pumps]) if config.keep else None


@asynccontextmanager
async def pumping(pumps: Sequence[Pump], retention: Retention | None = None) -> AsyncIterator[None]:
    """Run the pumps, and the retention, until the end of the block. What comes later is delivered by `finish`."""
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    running = [tasks.create_task(pump.run(), name=f"audit sink {pump.name}") for pump in pumps]
    if retention is not None:
        running.append(tasks.create_task(retention.run(), name="audit retention"))
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        # Without the error: it is the block's own, and a task group would wrap it.
        await tasks.__aexit__(None, None, None)


async def finish(pumps: Sequence[Pump]) -> None:
    """Deliver what was written since, as far as it can be done in time."""
    async with asyncio.TaskGroup() as tasks:
        for pump in pumps:
            tasks.create_task(pump.finish(), name=f"audit sink {pump.name}")


async def let_go_of_files(pumps: Sequence[Pump]) -> None:
    """Close files, which the next delivery opens anew: somebody has renamed them, and waits to compress them."""
    for pump in pumps:
        if isinstance(pump.sink, FileSink):
            await pump.sink.aclose()


def _sinks(config: AuditSection) -> list[Sink]:
    sinks: list[Sink] = []
    if config.file:
        sinks.append(FileSink(Path(config.file)))
    if config.syslog:
        sinks.append(SyslogSink(config.syslog))
    if config.url:
        token = Path(config.url_token) if config.url_token else None
        sinks.append(HttpSink(config.url, token=(lambda: token.read_text().strip()) if token is not None else None))
    return sinks
