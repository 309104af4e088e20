"""What becomes of sessions when a server stops, and when the next one starts."""

import asyncio
import contextlib
from pathlib import Path

from tests.unit.server.settings import config_for
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal
from whale.server import sessions
from whale.server.config_sessions import SessionsSection
from whale.server.signals import Signals
from whale.session.registry import Registry

ALLOWED = Decision(True, Action.EXEC, Principal("alice", TokenId("abc")), "a test")
SLEEP = ExecSpec(command=("sleep", "100"))


async def test_stopping_waits_for_sessions_and_then_ends_them() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        attachment = registry.create(engine, web, SLEEP, decision=ALLOWED)
        started = asyncio.get_running_loop().time()
        await sessions.stop_sessions(registry, Signals(), grace=0.3, policy=EndPolicy(hup=0.1, term=0.1, kill=1.0))
        assert 0.3 <= asyncio.get_running_loop().time() - started < 3
        assert attachment.notices[0][0] == "server.stopping"
        assert attachment.session.status == (None, "server.stopping")
    await engine.aclose()


async def test_a_second_signal_skips_the_wait() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    signals = Signals()
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        registry.create(engine, web, SLEEP, decision=ALLOWED)
        signals.received()
        assert not signals.force.is_set()
        signals.received()
        async with asyncio.timeout(5):
            await sessions.stop_sessions(registry, signals, grace=60, policy=EndPolicy())
        assert len(registry) == 0
    await engine.aclose()


async def test_the_first_of_several_ends_the_wait() -> None:
    assert await sessions._first_of(asyncio.sleep(0), asyncio.sleep(100), limit=5)
    assert not await sessions._first_of(asyncio.sleep(100), limit=0.01)


async def test_sessions_that_are_to_end_are_not_waited_for() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    signals = Signals()
    signals.received_for_sessions()
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        registry.create(engine, web, SLEEP, decision=ALLOWED)
        async with asyncio.timeout(5):
            assert await sessions.stop_sessions(registry, signals, grace=60, policy=EndPolicy()) == 0
        assert len(registry) == 0
    await engine.aclose()


async def test_a_server_takes_back_what_the_last_one_left(tmp_path: Path) -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    config = config_for(tmp_path, sessions=SessionsSection(keep=60))
    tmp_path.chmod(0o700)
    async with contextlib.AsyncExitStack() as stack:
        registry = await stack.enter_async_context(sessions.running_sessions(config, engine))
        assert registry.shelf.keeper.kind == "keeper"
        attached = registry.create(engine, web, ExecSpec(command=("true",)), decision=ALLOWED, key="5f" * 16)
        attached.lose()
        async with asyncio.timeout(5):
            while not attached.session.is_over:
                await asyncio.sleep(0.01)
        # A fake engine's sessions are not kept while they run; the end of one is all that a keeper can have of it.
        registry.shelf.put(attached.session.id, (attached.session.memory.descriptor,))
        assert registry.abandon() == 1
    async with sessions.running_sessions(config, engine) as registry:
        found = registry.find_attachment(ALLOWED.principal, "5f" * 16)
        assert found is not None
        assert found.session.status == (0, "")
    await engine.aclose()
