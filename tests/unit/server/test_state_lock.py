"""Two servers on one state directory: the second one is told which process the first one is."""

import asyncio
import gc
import os
from pathlib import Path

import pytest

from whale.model.errors import ConfigError, WhaleError
from whale.server import state_lock
from whale.server.state_lock import FILE_NAME, hold_state_dir


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_lock, "PATIENCE", 0.1)


async def test_a_second_server_is_told_of_the_first(tmp_path: Path) -> None:
    async with hold_state_dir(tmp_path):
        with pytest.raises(ConfigError) as failed:
            async with hold_state_dir(tmp_path):
                pytest.fail("both hold it")
    error = failed.value
    assert error.message == (f"state_dir: another whale-server runs on this state directory, process {os.getpid()}")
    assert error.path == "state_dir"
    assert "--state-dir" in error.hint


async def test_a_process_that_is_not_known_is_not_named(tmp_path: Path) -> None:
    async with hold_state_dir(tmp_path):
        (tmp_path / FILE_NAME).write_bytes(b"")
        with pytest.raises(ConfigError, match=r"on this state directory$"):
            async with hold_state_dir(tmp_path):
                pytest.fail("both hold it")


async def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    gc.collect()  # what earlier tests have left open is not to be closed just now
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ZeroDivisionError):
        async with hold_state_dir(tmp_path):
            raise ZeroDivisionError
    async with hold_state_dir(tmp_path):
        pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_server_that_is_going_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_lock, "PATIENCE", 10.0)

    async def next_one() -> None:
        async with hold_state_dir(tmp_path):
            pass

    async with asyncio.TaskGroup() as tasks:
        async with hold_state_dir(tmp_path):
            waiting = tasks.create_task(next_one())
            await asyncio.sleep(0.1)
            assert not waiting.done()


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WhaleError) as failed:
        async with hold_state_dir(tmp_path / "none"):
            pytest.fail("there is nothing to hold")
    assert failed.value.code == "server.disk_full"
    assert str(tmp_path) in failed.value.detail
    assert str(tmp_path) not in failed.value.message + failed.value.hint
