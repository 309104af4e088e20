"""Recordings whose files are in a real object store, for the people who read them."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.test_recordings import LIMIT, POLICIES, People
from tests.engines import TestEngine
from tests.object_store import SECRET, ObjectServer
from tests.server_process import ServerProcess, running_server
from whale.model.ids import ContainerId


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path / "s3") as made:
        yield made


@pytest.fixture
def server(
    docker: TestEngine, store: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServerProcess]:
    directory = tmp_path / "policies"
    directory.mkdir()
    (directory / "all.cedar").write_text(POLICIES)
    place = store.place
    for name, value in {
        "POLICY_DIR": str(directory),
        "RECORDING_S3_BUCKET": place.bucket,
        "RECORDING_S3_PREFIX": place.prefix,
        "RECORDING_S3_ENDPOINT": place.endpoint,
        "RECORDING_S3_CREDENTIALS_FILE": place.credentials_file,
        "RECORDING_S3_LOCAL_BYTES": "0",
    }.items():
        monkeypatch.setenv(f"WHALE_SERVER_{name}", value)
    with running_server(docker.url, tmp_path) as made:
        yield made


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"not {what} in {LIMIT:.0f} s"
        time.sleep(0.05)


def test_recordings_are_read_wherever_they_are(
    server: ServerProcess, store: ObjectServer, container: ContainerId, tmp_path: Path
) -> None:
    people, here = People(server, tmp_path / "state"), tmp_path / "state" / "recordings"
    script = "for i in 1 2 3; do echo line-$i; done; exit 3"
    assert people("alice", "exec", "-t", container, "sh", "-c", script).returncode == 3
    [one] = people.recordings(status="finished")
    id = str(one["id"])
    wait_for(lambda: store.objects == [f"{id}/000000.chunk", f"{id}/parts.json"], "stored")
    seen = people("olga", "recordings", "export", "--format", "raw", id).stdout
    assert seen == b"line-1\r\nline-2\r\nline-3\r\n"
    assert people("alice", "exec", "-t", container, "pwd").returncode == 0
    wait_for(lambda: len(store.objects) == 4, "stored")
    [unwanted] = {str(each["id"]) for each in people.recordings(status="finished")} - {id}

    # The next start finds that nothing has to be here.
    assert server.stop() == 0
    server.start()
    wait_for(lambda: not (here / id / "000000.chunk").exists(), "moved")
    assert people("olga", "recordings", "export", "--format", "raw", id).stdout == seen
    assert people("olga", "recordings", "verify", id).returncode == 0

    # A new disk, and a store that is down meanwhile.
    assert server.stop() == 0
    shutil.rmtree(here)
    store.stop()
    server.start()
    assert people("alice", "exec", "-t", container, "sh", "-c", "echo la''ter").stdout == b"later\r\n"
    down = people("olga", "recordings", "export", "--format", "raw", id)
    assert (down.returncode, down.stdout) == (125, b"")
    assert b"the object store of recordings can't be used at the moment" in down.stderr
    refused = people("olga", "recordings", "delete", unwanted)
    assert refused.returncode == 125
    assert b"not wholly deleted yet" in refused.stderr
    assert people("olga", "recordings", "export", "--format", "raw", unwanted).returncode == 125, "nobody finds it"
    assert store.endpoint.encode() not in down.stderr + refused.stderr
    assert "recordings.not_uploaded" in server.log()
    store.start()
    assert people("olga", "recordings", "export", "--format", "raw", id).stdout == seen
    wait_for(lambda: len(store.objects) == 6, "stored later")
    assert server.stop() == 0
    server.start()
    wait_for(lambda: not any(key.startswith(unwanted) for key in store.objects), "deleted in the end")
    wait_for(lambda: json.loads(people("olga", "recordings", "search", "line-2", "--format", "json").stdout), "indexed")
    assert people("olga", "recordings", "delete", id).returncode == 0
    assert not any(key.startswith(id) for key in store.objects)
    assert not (here / id).exists()
    assert SECRET not in server.log()
