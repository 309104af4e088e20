"""The object store, against a real one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.object_store import KEY, SECRET, ObjectServer
from whale.model.errors import RecordingError
from whale.recording import objects as module
from whale.recording.objects import ObjectStore


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path / "s3") as made:
        yield made


@pytest.fixture
def store(server: ObjectServer) -> ObjectStore:
    return ObjectStore(server.place)


async def test_what_was_put_is_there(server: ObjectServer, store: ObjectStore) -> None:
    data = os.urandom(2_000_000)
    await store.put("one/000000.chunk", data)
    await store.put("one/000001.chunk", b"")
    await store.put("ones/000000.chunk", b"other")
    assert server.objects == ["one/000000.chunk", "one/000001.chunk", "ones/000000.chunk"]
    assert store.get("one/000000.chunk", limit=2_000_000) == data
    assert await store.sizes("one") == {"one/000000.chunk": 2_000_000, "one/000001.chunk": 0}
    await store.put("one/000001.chunk", b"again")
    assert store.get("one/000001.chunk", limit=5) == b"again"


async def test_deletes_one_and_no_other(server: ObjectServer, store: ObjectStore) -> None:
    for key in ("one/a", "one/b", "ones/a"):
        await store.put(key, b"x")
    await store.delete("one")
    await store.delete("one")
    assert server.objects == ["ones/a"]


async def test_refuses_what_is_longer_than_it_should_be(store: ObjectStore) -> None:
    await store.put("one/a", b"123456")
    with pytest.raises(RecordingError) as long:
        store.get("one/a", limit=5)
    assert long.value.code == "recording.damaged"


async def test_what_is_not_there_is_not_found(server: ObjectServer, store: ObjectStore) -> None:
    with pytest.raises(RecordingError) as none:
        store.get("one/a", limit=5)
    assert none.value.code == "recording.not_found"
    other = ObjectStore(server.place._replace(bucket="another"))
    with pytest.raises(RecordingError, match="its bucket is not there"):
        await other.put("one/a", b"x")


async def test_other_keys_are_refused_and_never_shown(server: ObjectServer, store: ObjectStore) -> None:
    server.keys.write_text("[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = wrongwrong\n")
    with pytest.raises(RecordingError) as refused:
        await store.put("one/a", b"x")
    assert refused.value.code == "recording.unavailable"
    assert "wrongwrong" not in repr(refused.value) + refused.value.detail
    server.keys.write_text(f"{KEY} {SECRET}")
    with pytest.raises(RecordingError) as unread:
        await ObjectStore(server.place).put("one/a", b"x")
    assert unread.value.code == "recording.unavailable"
    assert SECRET not in f"{unread.value!r} {unread.value.detail} {unread.value.__cause__!r}"


async def test_keys_of_a_moment_have_a_token(server: ObjectServer) -> None:
    keys = server.keys.read_text()
    server.keys.write_text(f"{keys}aws_session_token = of-a-moment\n")
    assert module._keys_of(str(server.keys))().get("token") == "of-a-moment"


async def test_without_a_file_the_environment_has_the_keys(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    store = ObjectStore(server.place._replace(credentials_file=""))
    await store.put("one/a", b"x")
    assert server.objects == ["one/a"]


async def test_a_store_that_is_down_is_unavailable_in_time(server: ObjectServer, store: ObjectStore) -> None:
    server.stop()
    with pytest.raises(RecordingError) as down:
        await store.put("one/a", b"x")
    assert down.value.code == "recording.unavailable"
    assert "\n" not in down.value.detail
    server.start()
    await store.put("one/a", b"x")
    assert server.objects == ["one/a"]
