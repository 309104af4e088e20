"""The life of the server, in this process: what it announces, how it stops."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.engines import eventually
from tests.unit.keeper.manager import Manager
from tests.unit.server.settings import config_for
from whale.audit.event import decode_event
from whale.model.audit import AuditQuery
from whale.server import audit, run, tokens
from whale.server.announcement import announcement
from whale.server.config_engine import EngineSection
from whale.server.config_model import Config, LogSection, TlsSection
from whale.server.door import ServerDoor


async def until_announced(capfd: pytest.CaptureFixture[str], word: str) -> str:
    text = ""
    async with asyncio.timeout(10):
        while word not in text:
            await asyncio.sleep(0.01)
            text += capfd.readouterr().err
    return text


async def test_announces_where_it_listens_and_how_to_begin(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        said: list[bool] = []
        serving = run._serve(config_for(tmp_path), Config, state_dir_origin="flag", listening=lambda: said.append(True))
        tasks.create_task(serving)
        text = await until_announced(capfd, "user add")
        url = text.split("listening on ")[1].split()[0]
        assert "engine local: fake" in text
        assert f"whale-server --state-dir {tmp_path} user add NAME" in text
        async with aiohttp.ClientSession() as session, session.get(url + "/readyz") as answer:
            assert answer.status == 200
        assert said == [True]
        os.kill(os.getpid(), signal.SIGTERM)


async def test_the_emulator_gets_warm_while_clients_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    threads: list[threading.Thread] = []
    listen = ServerDoor.open

    async def listens(*arguments: Any, **more: Any) -> Any:
        opened = await listen(*arguments, **more)
        seen.append("listens")
        return opened

    def unavailable() -> str:
        seen.append("warm")
        threads.append(threading.current_thread())
        return "not here"

    monkeypatch.setattr(ServerDoor, "open", listens)
    monkeypatch.setattr(run, "unavailable", unavailable)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config_for(tmp_path), Config, state_dir_origin="default"))
        await until_announced(capfd, "not painted anew for those who come back late: not here")
        os.kill(os.getpid(), signal.SIGTERM)
    assert seen == ["listens", "warm"]
    assert threads != [threading.current_thread()], "nobody is served meanwhile"


async def test_the_service_manager_is_told_when_it_listens_and_when_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(tmp_path).start()
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    said_before: list[str] = []

    async def announced(*arguments: Any, **more: Any) -> str:
        manager.settle()
        said_before.extend(manager.said)
        return await announcement(*arguments, **more)

    monkeypatch.setattr(run, "announcement", announced)
    async with asyncio.TaskGroup() as tasks:
        server = tasks.create_task(run._serve(config_for(tmp_path), Config, state_dir_origin="default"))
        await eventually(lambda: manager.said == ["READY=1"], "ready")
        assert said_before == []
        assert not server.done()
        os.kill(os.getpid(), signal.SIGTERM)
    manager.settle()
    assert manager.said == ["READY=1", "STOPPING=1"]
    manager.close()


async def test_says_nothing_of_the_first_token_when_there_is_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await tokens.create(tmp_path, "alice")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config_for(tmp_path), Config, state_dir_origin="default"))
        text = await until_announced(capfd, "engine local")
        assert "user add" not in text
        os.kill(os.getpid(), signal.SIGINT)


async def test_starts_without_its_engine_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = config_for(tmp_path, engine=EngineSection(url=f"unix://{tmp_path}/nothing.sock"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config, Config, state_dir_origin="default"))
        assert "tries again at each request" in await until_announced(capfd, "user add")
        os.kill(os.getpid(), signal.SIGTERM)


def test_returns_zero_after_an_orderly_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(
        config: Config, _reread: object, *, state_dir_origin: str, listening: Callable[[], object]
    ) -> None:
        assert state_dir_origin == "flag"
        before, often = gc.get_freeze_count(), gc.get_threshold()
        try:
            listening()
            assert gc.get_freeze_count() > before + 10_000
            assert gc.get_threshold() == (*often[:2], 30)
        finally:
            gc.unfreeze()
            gc.set_threshold(*often)

    monkeypatch.setattr(run, "_serve", at_once)
    assert run.run(config_for(tmp_path), {"state_dir": "flag"}, Config) == 0


async def test_says_why_sessions_end_with_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config_for(tmp_path), Config, state_dir_origin="default"))
        assert "sessions end with this server: sessions.outlive_server is off" in await until_announced(
            capfd, "user add"
        )
        os.kill(os.getpid(), signal.SIGUSR1)


async def test_a_server_with_an_authority_of_its_own_says_how_to_pin_it_and_reloads(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_for(tmp_path, tls=TlsSection(own_ca=True, names=("whale.test",)), log=LogSection(level="info"))
    await tokens.create(tmp_path, "alice")
    loaded, refused = AuditQuery(kind="certificate.loaded"), AuditQuery(kind="certificate.refused")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run._serve(config, Config, state_dir_origin="default"))
        text = await until_announced(capfd, "#sha256=")
        assert "listening on https://127.0.0.1:" in text
        assert "whale login https://whale.test:" in text
        (tmp_path / "ca.key").rename(tmp_path / "kept")
        (tmp_path / "ca.key").write_bytes(b"junk")
        (tmp_path / "ca.key").chmod(0o600)
        for query in (refused, loaded):
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(10):
                while not (lines := await audit.search(tmp_path, query)):
                    await asyncio.sleep(0.02)
            assert decode_event(lines[0]).fingerprint
            if query is refused:
                (tmp_path / "kept").replace(tmp_path / "ca.key")
        os.kill(os.getpid(), signal.SIGTERM)
