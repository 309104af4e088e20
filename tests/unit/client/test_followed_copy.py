"""A recording that goes on is read with a key as it is written, whatever happens between two looks."""

import json
import random
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyrage
import pytest

from tests.recording_events import ID, header, output
from tests.unit.client.scripted import Peer, scripted
from tests.unit.client.test_recordings import BODY
from whale.client import followed_copy as module
from whale.client.followed_copy import followed_copy
from whale.model.errors import RecordingError, UsageError
from whale.model.secret import Secret
from whale.recording.event import KeyFrame
from whale.recording.reader import RecordingReader
from whale.recording.writer import RecordingWriter

KEY = pyrage.x25519.Identity.generate()
KEYS = [Secret(str(KEY))]


class Live:
    """A recording that goes on one step before each of the client's requests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.writer = RecordingWriter.create(directory, header(), recipients=[str(KEY.to_public())])
        self.steps: list[Callable[[], object]] = []
        self.is_over = False
        self.asked: list[str] = []
        self._written = 0

    def write(self) -> None:
        self._written += 1
        self.writer.write([output(self._written * 10, b"line %d\r\n" % self._written)], {})

    def cut(self) -> None:
        self.writer.begin_chunk(KeyFrame(self._written * 10, 80, 24, b"picture"))

    def finish(self) -> None:
        self.writer.finish()
        self.is_over = True

    def serve(self, peer: Peer) -> None:
        asked = urlsplit(peer.receive_request().path)
        if self.steps:
            self.steps.pop(0)()
        self.asked.append(asked.path)
        if asked.path.endswith(ID):
            status = "finished" if self.is_over else "recording"
            peer.answer(200, json.dumps(BODY | {"id": ID, "status": status}).encode())
            return
        start = parse_qs(asked.query).get("start", ["0"])[0]
        self._serve_chunk(peer, int(asked.path.rpartition("/")[2]), int(start))

    def _serve_chunk(self, peer: Peer, number: int, start: int) -> None:
        file = self.directory / f"{number:06}.chunk"
        if file.exists():
            peer.answer(200, file.read_bytes()[start:])
        else:
            peer.refuse(404, "recording.not_found", "no such part")

    def whole(self) -> list[bytes]:
        lines = RecordingReader(self.directory, identities=[str(KEY)]).lines()
        return [line.rstrip(b"\n") for line in lines]


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr(module, "INTERVAL", 0.001)
    return Live(tmp_path / "r")


@pytest.mark.parametrize("seed", range(12))
def test_every_line_comes_once(live: Live, seed: int) -> None:
    chance = random.Random(seed)
    live.steps = [chance.choice((live.write, live.write, live.cut, lambda: None)) for _ in range(40)]
    live.steps.append(live.finish)
    with scripted(live.serve) as server, followed_copy(server.profile, ID) as copy:
        assert stat.S_IMODE(copy.directory.stat().st_mode) == 0o700
        with copy.open(KEYS, 0) as lines:
            assert list(lines) == live.whole()
    assert not copy.directory.exists()


def test_what_does_not_grow_is_not_fetched_again(live: Live) -> None:
    live.write()
    with scripted(live.serve) as server, followed_copy(server.profile, ID) as copy:
        assert copy.refresh()
        first = (copy.directory / "000000.chunk").stat().st_ino
        assert copy.refresh()
        assert (copy.directory / "000000.chunk").stat().st_ino == first
        live.write()
        assert copy.refresh()
        live.finish()
        assert not copy.refresh()
        names = {path.name: path.read_bytes() for path in live.directory.iterdir()}
        assert (copy.directory / "000000.chunk").read_bytes() == names["000000.chunk"]


def test_the_finished_file_is_fetched_though_it_is_no_larger(live: Live) -> None:
    with scripted(live.serve) as server, followed_copy(server.profile, ID) as copy:
        copy.refresh()
        (copy.directory / "000000.chunk").write_bytes(bytes(10_000))
        live.finish()
        assert not copy.refresh()
        assert (copy.directory / "000000.chunk").read_bytes() == (live.directory / "000000.chunk").read_bytes()


def test_begins_later_and_goes_on(live: Live) -> None:
    for step in (live.write, live.cut, live.write):
        step()
    live.steps.extend([lambda: None] * 8 + [live.write, live.finish])
    with scripted(live.serve) as server, followed_copy(server.profile, ID) as copy, copy.open(KEYS, 15) as lines:
        seen = b"\n".join(lines)
    assert b"picture" in seen
    assert b"line 1" not in seen
    assert seen.count(b"line 3") == 1


def test_can_be_ended_while_nothing_comes(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 60.0)
    live.write()
    with scripted(live.serve) as server, followed_copy(server.profile, ID) as copy, copy.open(KEYS, 0) as lines:
        reading = iter(lines)
        assert [next(reading) for _ in range(2)] == live.whole()[:2]
        threading.Timer(0.05, lines.interrupt).start()
        assert list(reading) == []


def test_without_the_key_it_says_so(live: Live) -> None:
    with scripted(live.serve) as server, followed_copy(server.profile, ID) as copy, copy.open([], 0) as lines:
        with pytest.raises(RecordingError) as closed:
            list(lines)
    assert closed.value.code == "recording.encrypted"


def test_one_that_is_deleted_meanwhile_is_an_error(live: Live) -> None:
    def gone(peer: Peer) -> None:
        peer.receive_request()
        peer.refuse(404, "recording.not_found", "no such recording")

    with scripted(gone) as server, followed_copy(server.profile, ID) as copy, pytest.raises(RecordingError):
        copy.refresh()


def test_without_the_libraries_it_says_which(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "whale.recording.verify", None)
    with scripted(live.serve) as server, pytest.raises(UsageError) as refused:
        with followed_copy(server.profile, ID):
            raise AssertionError
    assert "whale-shell[recordings]" in refused.value.hint
