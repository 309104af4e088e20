"""What Prometheus reads, parsed with Prometheus' own parser."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.audit_log import Memory
from tests.engines import eventually
from tests.unit.server.settings import config_for
from whale.access.attempts import Attempt
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.audit.recorder import Recorder
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.keeper.seam import NoKeeper
from whale.model.errors import TooManyAttempts
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import TokenId
from whale.model.limits import AUTH_FAILURES, MIB
from whale.model.principal import Action, Decision, Principal
from whale.model.terminal import TerminalSize
from whale.server.config_model import PolicySection, TlsSection
from whale.server.door import ServerDoor
from whale.server.metrics import AuditCollector, DoorCollector, PolicyCollector, TlsCollector, metrics_renderer
from whale.server.policy import ServerPolicy
from whale.server.tls import ServerTls
from whale.session.memory import layout
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
        assert before["whale_screen_process_ends_total", ""] == 0
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


class OneKeeper(NoKeeper):
    """Keeps nothing, and says that it does."""

    kind = "keeper"

    def put(self, name: str, descriptors: Sequence[int]) -> None:
        """Keep these."""


async def test_every_buffer_is_there() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0), keeper=OneKeeper("")) as registry:
        render = metrics_renderer(registry)
        names = ("memory_bytes", "picture_bytes", "emulators", "notices")
        before = values(render())
        assert [before[f"whale_session_{name}", ""] for name in names] == [0, 0, 0, 0]
        assert before["whale_keeper_descriptors", "keeper"] == 0
        size = TerminalSize(cols=80, rows=24)
        live = registry.create(engine, web, ExecSpec(command=("cat",), tty=True, size=size), decision=ALLOWED)
        async with asyncio.timeout(5):
            await live.session.wait_started()
        assert live.session.picture is not None
        live.session.picture.save(live.session.logs[Stream.STDOUT], to=0)
        live.notify(code="a.test", message="text")
        registry.shelf.put(live.session.id, (1, 2))
        after = values(render())
        sizes = layout(live.session.logs[Stream.STDOUT].window, tty=True).logs
        assert sum(sizes) < after["whale_session_memory_bytes", ""] < sum(sizes) + 3 * MIB
        picture = live.session.memory.read_snapshot().data
        assert after["whale_session_picture_bytes", ""] == len(picture) > 0
        assert after["whale_session_emulators", ""] == 1
        assert after["whale_session_notices", ""] == 1
        assert after["whale_keeper_descriptors", "keeper"] == 2
    await engine.aclose()


def test_the_page_names_every_metric_of_a_buffer(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "operate.md").read_text()
    door = DoorCollector(ServerDoor(config_for(Path("/nowhere"))))
    tls = ServerTls.open(config_for(tmp_path, tls=TlsSection(own_ca=True)))
    names = {name for name, _ in values(metrics_renderer(Registry(), door, TlsCollector(tls))())}
    own = {name for name in names if name.startswith("whale_") and not name.endswith(("_created", "_info"))}
    assert [name for name in sorted(own) if f"`{name}`" not in page] == []


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


async def test_says_whether_the_policies_are_those_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("permit(principal, action, resource);")
    policy = await ServerPolicy.open(config_for(tmp_path, policy=PolicySection(dir=str(tmp_path))))
    assert policy.watch is not None
    async with Registry() as registry:
        render = metrics_renderer(registry, PolicyCollector(policy))
        good = values(render())
        (tmp_path / "a.cedar").write_text("permit(")
        for _ in range(2):
            await policy.watch.check()
        wrong = values(render())
    for name, before, after in (
        (("whale_policies", ""), 1, 1),
        (("whale_policies_stale", ""), 0, 1),
        (("whale_policy_loads_total", "loaded"), 1, 1),
        (("whale_policy_loads_total", "refused"), 0, 1),
    ):
        assert (good[name], wrong[name]) == (before, after), name


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


async def test_counts_who_is_kept_out(tmp_path: Path) -> None:
    door = ServerDoor(config_for(tmp_path))
    attempt = Attempt("192.0.2.1", "alice", "wrong")
    for _ in range(AUTH_FAILURES):
        door.attempts.failed(attempt)
    with pytest.raises(TooManyAttempts):
        await door.attempts.admit(attempt)
    found = values(metrics_renderer(Registry(), DoorCollector(door))())
    assert found["whale_auth_failures_total", ""] == AUTH_FAILURES
    assert found["whale_auth_limited_total", ""] == found["whale_auth_locked", ""] == 1
    assert found["whale_auth_delayed_total", ""] == 0
    assert found["whale_unauthenticated", ""] == found["whale_unauthenticated_cut_total", ""] == 0


async def test_says_when_the_certificate_runs_out(tmp_path: Path) -> None:
    tls = ServerTls.open(config_for(tmp_path, tls=TlsSection(own_ca=True)))
    assert tls is not None
    (tmp_path / "ca.key").write_bytes(b"junk")
    await tls.check()
    found = values(metrics_renderer(Registry(), TlsCollector(tls))())
    assert found["whale_certificate_expires_seconds", ""] == tls.current.expires
    assert found["whale_certificate_stale", ""] == 1
    loads = [found["whale_certificate_loads_total", result] for result in ("loaded", "refused")]
    assert loads == [1, 1]
    without = values(metrics_renderer(Registry(), TlsCollector(None))())
    assert not [name for name, _ in without if "certificate" in name]
