"""The life of the server, in this process: what it announces, how it stops."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.errors import ConfigError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal
from whale.server import run, tokens
from whale.server.config_model import Config, EngineSection, LogSection, ShutdownSection
from whale.session.registry import Registry

ALLOWED = Decision(True, Action.EXEC, Principal("alice", TokenId("abc")), "a test")
SLEEP = ExecSpec(command=("sleep", "100"))


def config_for(state_dir: Path, **changes: object) -> Config:
    values: dict[str, object] = {
        "listen": "127.0.0.1:0",
        "state_dir": str(state_dir),
        "engine": EngineSection(url="fake://web", name="local"),
        "shutdown": ShutdownSection(grace=0.2),
        "log": LogSection(level="warning"),
    }
    return Config(**(values | changes))  # type: ignore[arg-type]


async def until_announced(capfd: pytest.CaptureFixture[str], word: str) -> str:
    text = ""
    async with asyncio.timeout(10):
        while word not in text:
            await asyncio.sleep(0.01)
            text += capfd.readouterr().err
    return text


async def test_announces_where_it_listens_and_how_to_begin(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config_for(tmp_path), state_dir_origin="flag"))
        text = await until_announced(capfd, "whale login")
        url = text.split("listening on ")[1].split()[0]
        assert "engine local: fake" in text
        assert f"whale-server --state-dir {tmp_path} token create NAME" in text
        assert f"whale login {url}" in text
        async with aiohttp.ClientSession() as session, session.get(url + "/readyz") as answer:
            assert answer.status == 200
        os.kill(os.getpid(), signal.SIGTERM)


async def test_says_nothing_of_the_first_token_when_there_is_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await tokens.create(tmp_path, "alice")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config_for(tmp_path), state_dir_origin="default"))
        text = await until_announced(capfd, "engine local")
        assert "token create" not in text
        os.kill(os.getpid(), signal.SIGINT)


async def test_starts_without_its_engine_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = config_for(tmp_path, engine=EngineSection(url=f"unix://{tmp_path}/nothing.sock"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config, state_dir_origin="default"))
        assert "tries again at each request" in await until_announced(capfd, "whale login")
        os.kill(os.getpid(), signal.SIGTERM)


async def test_an_address_in_use_is_a_clear_error(tmp_path: Path, unused_tcp_port: int) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", unused_tcp_port)
    async with server:
        config = config_for(tmp_path, listen=f"127.0.0.1:{unused_tcp_port}")
        with pytest.raises(ConfigError) as failed:
            await run._serve(config, state_dir_origin="default")
    assert failed.value.path == "listen"
    assert "--listen" in failed.value.hint


async def test_stopping_waits_for_sessions_and_then_ends_them() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        attachment = registry.create(engine, web, SLEEP, decision=ALLOWED)
        started = asyncio.get_running_loop().time()
        await run._end_sessions(registry, run.Signals(), grace=0.3, policy=EndPolicy(hup=0.1, term=0.1, kill=1.0))
        assert 0.3 <= asyncio.get_running_loop().time() - started < 3
        assert attachment.notices[0][0] == "server.stopping"
        assert attachment.session.status == (None, "server.stopping")
    await engine.aclose()


async def test_a_second_signal_skips_the_wait() -> None:
    engine = FakeEngine.from_url("fake://web", name="local")
    web = await engine.container("web")
    signals = run.Signals()
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        registry.create(engine, web, SLEEP, decision=ALLOWED)
        signals.received()
        assert not signals.force.is_set()
        signals.received()
        async with asyncio.timeout(5):
            await run._end_sessions(registry, signals, grace=60, policy=EndPolicy())
        assert len(registry) == 0
    await engine.aclose()


async def test_the_first_of_several_ends_the_wait() -> None:
    assert await run._first_of(asyncio.sleep(0), asyncio.sleep(100), limit=5)
    assert not await run._first_of(asyncio.sleep(100), limit=0.01)


def test_returns_zero_after_an_orderly_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(config: Config, *, state_dir_origin: str) -> None:
        assert state_dir_origin == "flag"

    monkeypatch.setattr(run, "_serve", at_once)
    assert run.run(config_for(tmp_path), {"state_dir": "flag"}) == 0


def test_takes_the_engine_that_was_named(tmp_path: Path) -> None:
    found = run._choose_engine(config_for(tmp_path), {"DOCKER_HOST": "unix:///other.sock"}, tmp_path)
    assert (found.url, found.origin, found.tls) == ("fake://web", "engine.url", None)


def test_takes_the_certificates_that_were_named(tmp_path: Path) -> None:
    section = EngineSection(url="tcp://engine:2376", tls_ca="/ca", tls_cert="/cert", tls_key="/key")
    found = run._choose_engine(config_for(tmp_path, engine=section), {}, tmp_path)
    assert found.tls == (Path("/ca"), Path("/cert"), Path("/key"), True)


def test_finds_the_engine_that_docker_would(tmp_path: Path) -> None:
    config = config_for(tmp_path, engine=EngineSection())
    found = run._choose_engine(config, {"DOCKER_HOST": "unix:///other.sock"}, tmp_path)
    assert (found.url, found.origin) == ("unix:///other.sock", "DOCKER_HOST")


def test_says_what_to_do_without_any_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_engines", lambda _environ, _home: [])
    with pytest.raises(ConfigError) as failed:
        run._choose_engine(config_for(tmp_path, engine=EngineSection()), {}, tmp_path)
    assert "--engine" in failed.value.hint
