"""Recordings with a real server and the real command line: listed, played, exported, checked, and not shown."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyrage
import pytest

from tests.recording_events import header, some_events
from tests.recordings import FINISHED, recording
from tests.server_process import ServerProcess, create_token, running_server, whale_server
from tests.unit.client.processes import TerminalProcess
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.client.terminal import CLEAR
from whale.model.ids import SessionId
from whale.model.recordings import Recording, RecordingState, RecordingStatus
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.header import Header
from whale.recording.reader import RecordingReader
from whale.recording.writer import RecordingWriter
from whale.server.audit import note
from whale.store.database import Database
from whale.store.recordings import RecordingTable

WHALE = str(Path(sys.executable).with_name("whale"))
POLICIES = """
@id("admin") permit(principal in Group::"admin", action, resource);
@id("own") permit(principal, action == Action::"record.read", resource) when { resource in principal };
"""
SHELL, PIPE, SECRET, LIVE = (digit * 32 for digit in "1234")
ASKING = b"\x1b[c\x1b[6nhello \x1b[31mred\x1b[m\r\n"
KEY = pyrage.x25519.Identity.generate()


class House(NamedTuple):
    server: ServerProcess
    folder: Path
    tokens: dict[str, str]

    def environment(self, name: str) -> dict[str, str]:
        return {**os.environ, "WHALE_URL": self.server.url, "WHALE_TOKEN": self.tokens[name]}

    def __call__(self, name: str, *args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([WHALE, *args], env=self.environment(name), capture_output=True, timeout=60, check=False)

    def terminal(self, name: str, *args: str) -> TerminalProcess:
        return TerminalProcess([WHALE, *args], self.environment(name))

    def place(self, id: str) -> Path:
        return self.folder / "state" / "recordings" / id

    def insert(self, row: Recording) -> None:
        async def insert() -> None:
            database = await Database.open(self.folder / "state")
            await RecordingTable(database).insert(row)
            await database.aclose()

        asyncio.run(insert())

    def finish(self, row: Recording) -> None:
        """Insert one that is whole, and have that in the trail."""
        self.insert(row)
        place = self.folder / "state"
        for kind, state in ((Kind.OPENED, RecordingState()), (Kind.RECORDING_FINISHED, row.state)):
            count = state.chunks or None
            event = AuditEvent(time=timestamp(1), kind=kind, session=row.id, hash=state.head, count=count)
            asyncio.run(note(place, event))

    def set_state(self, id: str, state: RecordingState) -> None:
        async def change() -> None:
            database = await Database.open(self.folder / "state")
            assert await RecordingTable(database).set_state(id, state)
            await database.aclose()

        asyncio.run(change())


def head_of(id: str, *, tty: bool = True) -> Header:
    made = header(id)
    return msgspec.structs.replace(made, whale=msgspec.structs.replace(made.whale, tty=tty))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "policies").mkdir()
    (folder / "policies" / "all.cedar").write_text(POLICIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHALE_SERVER_POLICY_DIR", str(folder / "policies"))
        with running_server("fake://web", folder) as server:
            tokens = {}
            for name, groups in (("alice", ()), ("bob", ()), ("root", ("admin",))):
                tokens[name] = create_token(folder / "state", name, groups=groups)
            made = House(server, folder, tokens)
            made.place(SHELL).parent.mkdir(exist_ok=True)
            _put(made)
            yield made


def _put(house: House) -> None:
    """A terminal of four chunks with markers and noise, a pipe, and one that the server can't read."""
    writer = RecordingWriter.create(house.place(SHELL), head_of(SHELL))
    writer.write([RecordedEvent(0, Code.OUTPUT, ASKING)], {})
    at = 0
    for part in range(3):
        events = some_events(part, at=at + 10_000)
        at = events[-1].at
        last = RecordedEvent(at, Code.OUTPUT, b"end of part %d\r\n" % part)
        writer.write([*events, last, RecordedEvent(at, Code.MARKER, b"part")], {})
        writer.begin_chunk(KeyFrame(at, 80, 24, b"\x1b[H\x1b[2Jpicture %d" % part))
    writer.write([RecordedEvent(at + 1000, Code.OUTPUT, b"bye\r\n"), RecordedEvent(at + 1000, Code.EXIT, b"0")], {})
    house.finish(_finished(house, SHELL, writer, 1))
    writer = RecordingWriter.create(house.place(PIPE), head_of(PIPE, tty=False))
    writer.write([RecordedEvent(5, Code.OUTPUT, b"out\n"), RecordedEvent(6, Code.ERROR_OUTPUT, b"err\xff\n")], {})
    house.finish(_finished(house, PIPE, writer, 2)._replace(tty=False, command=("dump", "app")))
    writer = RecordingWriter.create(house.place(SECRET), head_of(SECRET), recipients=[str(KEY.to_public())])
    writer.write([RecordedEvent(5, Code.OUTPUT, b"secret\r\n")], {})
    house.finish(_finished(house, SECRET, writer, 3)._replace(principal="bob", is_encrypted=True))


def _finished(house: House, id: str, writer: RecordingWriter, number: int) -> Recording:
    duration = writer.at
    closed = writer.finish()
    state = FINISHED._replace(
        head=closed.sha256, duration=duration, chunks=closed.number + 1, stored_bytes=writer.stored
    )
    return recording(number)._replace(id=SessionId(id), state=state)


def shown(house: House, id: str, *, keys: list[str] | None = None) -> bytes:
    events = RecordingReader(house.place(id), identities=keys or ()).events()
    return b"".join(event.data for event in events if event.code in (Code.OUTPUT, Code.ERROR_OUTPUT))


def test_everybody_sees_what_they_may(house: House) -> None:
    listed = {
        name: [one["id"] for one in json.loads(house(name, "recordings", "--format", "json").stdout)]
        for name in ("alice", "bob", "root")
    }
    assert listed == {"alice": [PIPE, SHELL], "bob": [SECRET], "root": [SECRET, PIPE, SHELL]}
    found = house("root", "recordings", "--text", "dump", "--format", "id", "--all")
    assert found.stdout.decode().split() == [PIPE]
    table = house("alice", "recordings", "--person", "alice", "-n", "1").stdout.decode().splitlines()
    assert [line.split()[0] for line in table] == ["ID", PIPE[:12]]
    assert "2027-01-15 08:00:02Z" in table[1]


@pytest.mark.parametrize(
    "verb", [("play",), ("recordings", "export"), ("recordings", "verify"), ("recordings", "delete")]
)
def test_the_recordings_of_others_are_not_there(house: House, verb: tuple[str, ...]) -> None:
    for id in (SHELL, "f" * 32):
        done = house("bob", *verb, id)
        assert (done.returncode, done.stdout) == (125, b"")
        assert b"no such recording" in done.stderr
    assert house.place(SHELL).exists()


def test_exports_are_what_was_recorded(house: House, tmp_path: Path) -> None:
    file = tmp_path / "out.cast"
    assert house("alice", "recordings", "export", SHELL, "--output", str(file)).returncode == 0
    assert file.read_bytes() == b"".join(RecordingReader(house.place(SHELL)).lines())
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.with_name("out.cast.part").exists()
    raw = house("alice", "recordings", "export", "--format", "raw", SHELL)
    assert raw.stdout == shown(house, SHELL)
    v2 = [
        json.loads(line)
        for line in house("alice", "recordings", "export", "--format", "asciicast-v2", SHELL).stdout.splitlines()
    ]
    assert (v2[0]["version"], v2[0]["width"], v2[0]["height"]) == (2, 80, 24)
    assert [time for time, _, _ in v2[1:]] == sorted(time for time, _, _ in v2[1:])
    text = house("alice", "recordings", "export", "--format", "text", PIPE)
    assert text.stdout.decode() == "out\nerr\ufffd\n"


def test_only_the_key_opens_what_is_encrypted(house: House, tmp_path: Path) -> None:
    refused = house("bob", "recordings", "export", SECRET)
    assert (refused.returncode, refused.stdout) == (125, b"")
    assert b"--identity" in refused.stderr
    key, other = tmp_path / "key", tmp_path / "other"
    key.write_text(f"# created: today\n{KEY}\n")
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    done = house("bob", "recordings", "export", "--format", "raw", "--identity", str(key), SECRET)
    assert done.stdout == b"secret\r\n"
    wrong = house("bob", "recordings", "export", "--format", "raw", "--identity", str(other), SECRET)
    assert (wrong.returncode, wrong.stdout) == (125, b"")
    assert str(KEY).encode() not in done.stderr + wrong.stderr
    played = house("bob", "play", "--identity", str(key), SECRET)
    assert b"secret" in played.stdout


def test_what_was_changed_is_noticed(house: House) -> None:
    for id in (SHELL, SECRET):
        whole = house("root", "recordings", "verify", id)
        assert (whole.returncode, whole.stderr) == (0, b"")
        assert b"as written" in whole.stdout
    file = house.place(PIPE) / "000000.chunk"
    before = file.read_bytes()
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    changed = house("root", "recordings", "verify", PIPE)
    file.write_bytes(before)
    assert changed.returncode == 1
    assert b"audit trail" in changed.stdout


def test_who_changes_files_and_row_together_is_found_out(house: House) -> None:
    id = "7" * 32
    writer = RecordingWriter.create(house.place(id), head_of(id))
    writer.write([RecordedEvent(1, Code.OUTPUT, b"rm -rf /\r\n")], {})
    house.finish(_finished(house, id, writer, 7))
    assert house("root", "recordings", "verify", id).returncode == 0
    shutil.rmtree(house.place(id))
    writer = RecordingWriter.create(house.place(id), head_of(id))
    writer.write([RecordedEvent(1, Code.OUTPUT, b"nothing happened\r\n")], {})
    forged = _finished(house, id, writer, 7).state
    for state in (forged, forged._replace(status=RecordingStatus.RECORDING)):
        house.set_state(id, state)
        found = house("root", "recordings", "verify", "--format", "json", id)
        assert found.returncode == 1
        assert (
            "the last part is not the one that the audit trail has the hash of" in json.loads(found.stdout)["problems"]
        )
    house("root", "recordings", "delete", id)


def played(house: House, *args: str) -> bytes:
    """What is written between the picture before it and the end."""
    with closing(house.terminal("alice", "play", *args)) as terminal:
        assert terminal.wait() == 0
        assert not terminal.is_raw
        out = bytes(terminal.output)
    assert out.count(CLEAR) <= 1
    return out.partition(CLEAR)[2] or out


def test_plays_all_of_it_and_asks_the_terminal_nothing(house: House) -> None:
    out = played(house, "--idle-limit", "0", SHELL)
    raw = shown(house, SHELL)
    assert raw.startswith(ASKING)
    assert b"\x1b[c" not in out
    assert b"\x1b[6n" not in out
    assert out.startswith(b"hello \x1b[31mred\x1b[m\r\n")
    assert b"bye\r\n" in out


def test_begins_anywhere_with_the_picture_of_then(house: House) -> None:
    frame = RecordingReader(house.place(SHELL)).frame(10**9)
    assert frame is not None
    out = played(house, "--idle-limit", "0", "--from", str(frame.at // 1000 + 1), SHELL)
    assert out.startswith(b"\x1b[H\x1b[2Jpicture 2bye\r\n")


def test_a_pipe_begins_its_lines_at_the_beginning(house: House) -> None:
    with closing(house.terminal("alice", "play", "--idle-limit", "0", PIPE)) as terminal:
        assert terminal.wait() == 0
        assert bytes(terminal.output).startswith(b"out\r\nerr\xff\r\n")


def markers(house: House) -> int:
    return sum(event.code is Code.MARKER for event in RecordingReader(house.place(SHELL)).events())


def test_keys(house: House) -> None:
    with closing(house.terminal("alice", "play", "--idle-limit", "3600", SHELL)) as terminal:
        terminal.read_until(b"red")
        # What a terminal sends by itself has letters that are keys: none of them is one.
        terminal.type(b"\x1b[<0;1;1M\x1b]11;rgb:q/q/q\x07\x1b[?6c\x1bPq.q\x1b\\xyz\r")
        terminal.type(b" " + b"]" * markers(house))
        terminal.read_until(b"end of part 2")
        terminal.type(b".")
        terminal.read_until(b"bye")
        assert terminal.is_running, "it is paused"
        terminal.type(b"q")
        assert terminal.wait() == 0
        assert not terminal.is_raw


def test_control_c_and_signals_give_the_terminal_back(house: House) -> None:
    for typed, status in ((b"\x03", 130), (b"", 143)):
        with closing(house.terminal("alice", "play", "--idle-limit", "3600", SHELL)) as terminal:
            terminal.read_until(b"red")
            modes = [terminal.is_raw]
            terminal.type(typed) if typed else terminal.signal(15)
            assert terminal.wait() == status
            assert [*modes, terminal.is_raw] == [True, False]


def test_back_shows_the_picture_of_before(house: House) -> None:
    with closing(house.terminal("alice", "play", "--idle-limit", "3600", "--from", "0", SHELL)) as terminal:
        terminal.read_until(b"red")
        terminal.type(b" " + b"]" * markers(house))
        terminal.read_until(b"end of part 2")
        terminal.type(b"[")
        terminal.read_match(
            re.compile(re.escape(CLEAR) + rb".*" + re.escape(CLEAR) + rb"\x1b\[H\x1b\[2Jpicture 1", re.DOTALL)
        )
        terminal.type(b"q")
        assert terminal.wait() == 0


def test_what_goes_on_is_followed_without_gap_or_double(house: House) -> None:
    writer = RecordingWriter.create(house.place(LIVE), head_of(LIVE))
    writer.write([RecordedEvent(0, Code.OUTPUT, b"begin,")], {})
    house.insert(recording(9)._replace(id=SessionId(LIVE), state=RecordingState()))
    with closing(house.terminal("alice", "play", "--follow", LIVE)) as terminal:
        terminal.read_until(b"begin,")
        expected = b"begin,"
        for number in range(60):
            data = b"%d," % number
            writer.write([RecordedEvent(number, Code.OUTPUT, data)], {})
            expected += data
            if number % 20 == 19:
                writer.begin_chunk(KeyFrame(0, 80, 24, b"not to be seen"))
                time.sleep(0.2)
        terminal.read_until(b"59,")
        assert terminal.is_running, "it goes on"
        closed = writer.finish()
        house.set_state(LIVE, FINISHED._replace(head=closed.sha256))
        assert terminal.wait() == 0
        assert expected in bytes(terminal.output).partition(CLEAR)[2]
    house("root", "recordings", "delete", LIVE)


def test_deleting_is_for_those_who_may(house: House) -> None:
    id = "5" * 32
    writer = RecordingWriter.create(house.place(id), head_of(id))
    house.insert(_finished(house, id, writer, 5))
    refused = house("alice", "recordings", "delete", id)
    assert (refused.returncode, house.place(id).exists()) == (125, True)
    assert house("root", "recordings", "delete", "--reason", "old", id).returncode == 0
    assert not house.place(id).exists()
    trail = house("root", "audit", "--kind", "recording.deleted", "--format", "json").stdout.decode()
    [event] = [each for each in map(json.loads, trail.splitlines()) if each["session"] == id]
    assert (event["principal"], event["owner"], event["purpose"]) == ("root", "alice", "old")


def test_who_is_revoked_watches_no_more_within_two_seconds(house: House) -> None:
    id, state = "6" * 32, house.folder / "state"
    house.tokens["carol"] = create_token(state, "carol")
    writer = RecordingWriter.create(house.place(id), head_of(id))
    writer.write([RecordedEvent(0, Code.OUTPUT, b"begin,")], {})
    house.insert(recording(8)._replace(id=SessionId(id), principal="carol", state=RecordingState()))
    with closing(house.terminal("carol", "play", "--follow", id)) as terminal:
        terminal.read_until(b"begin,")
        subprocess.run(whale_server("token", "revoke", "carol", state_dir=state), check=True, capture_output=True)
        began = time.monotonic()
        assert terminal.wait() == 125
        assert time.monotonic() - began < 2.0
        assert b"revoked" in terminal.output
        assert not terminal.is_raw
    writer.close()
