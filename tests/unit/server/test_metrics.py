"""What Prometheus reads, parsed with Prometheus' own parser."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tests.audit_log import Memory
from tests.engines import eventually
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.audit.recorder import Recorder
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal
from whale.server.metrics import AuditCollector, metrics_renderer
from whale.session.registry import Registry

ALLOWED = Decision(True, Action.EXEC, Principal("alice", TokenId("abc")), "a test")


def values(text: bytes) -> dict[tuple[str, str], float]:
    """Map (name, only label's value or nothing) to the sample."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, next(iter(sample.labels.values()), "")] = sample.value
    return found


async def test_counts_live_and_past_sessions_and_their_bytes() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        render = metrics_renderer(registry)
        before = values(render())
        assert before["whale_sessions", ""] == 0
        past = registry.create(engine, web, ExecSpec(command=("echo", "hi")), decision=ALLOWED)
        async with asyncio.timeout(5):
            await registry.wait_empty()
        live = registry.create(engine, web, ExecSpec(command=("cat",), stdin=True), decision=ALLOWED)
        async with asyncio.timeout(5):
            await live.session.wait_started()
        live.write_stdin(b"four")
        await eventually(lambda: live.session.bytes_out == 4, "the answer")
        after = values(render())
        assert past.session.is_over
        assert after["whale_sessions", ""] == 1
        assert after["whale_sessions_opened_total", ""] == 2
        assert after["whale_sessions_ended_total", "exited"] == 1
        assert after["whale_session_bytes_total", "in"] == 4
        assert after["whale_session_bytes_total", "out"] == 3 + 4
        assert after["whale_session_window_bytes", ""] == 4
    await engine.aclose()


async def test_two_servers_in_one_process_do_not_meet() -> None:
    async with Registry() as one, Registry() as two:
        metrics_renderer(one)
        assert b"whale_build_info" in metrics_renderer(two)()


async def test_held_bytes_leave_with_their_acknowledgement() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        render = metrics_renderer(registry)
        live = registry.create(engine, web, ExecSpec(command=("cat",), stdin=True), decision=ALLOWED)
        async with asyncio.timeout(5):
            await live.session.wait_started()
        live.write_stdin(b"four")
        await eventually(lambda: bool(live.read(Stream.STDOUT, size=10)), "the answer")
        live.acknowledge(Stream.STDOUT, offset=4)
        assert values(render())["whale_session_window_bytes", ""] == 0
    await engine.aclose()


async def test_sessions_that_wait_are_counted_once() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        render = metrics_renderer(registry)
        running = registry.create(engine, web, ExecSpec(command=("cat",), stdin=True), decision=ALLOWED, key="a")
        over = registry.create(engine, web, ExecSpec(command=("echo", "hi")), decision=ALLOWED, key="b")
        await eventually(lambda: over.session.is_over, "the end of one")
        running.lose()
        over.lose()
        after = values(render())
        assert after["whale_sessions", ""] == 1
        assert after["whale_sessions_waiting", ""] == 2
        assert after["whale_sessions_ended_total", "exited"] == 1
        assert after["whale_session_bytes_total", "out"] == 3
        assert after["whale_session_window_bytes", ""] == 3
    await engine.aclose()


async def test_counts_audit_events_and_what_could_not_be_written() -> None:
    log = Memory()
    recorder = Recorder(log)
    event = AuditEvent(time=timestamp(0), kind=Kind.STARTED)
    async with recorder.running():
        await recorder.commit(event)
        log.is_full = True
        recorder.note(event)
        await eventually(lambda: recorder.failures > 0, "failed")
        async with Registry() as registry:
            found = values(metrics_renderer(registry, AuditCollector(recorder))())
        log.is_full = False
    assert found["whale_audit_events_total", ""] == 1
    assert found["whale_audit_failures_total", ""] >= 1
    assert found["whale_audit_missed_total", ""] == 0
    assert found["whale_audit_queued", ""] == 1
