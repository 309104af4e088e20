import json
from pathlib import Path
from typing import Any

import pyrage
import pytest

from tests.recording_events import header, output
from tests.unit.client.scripted import Peer, Script, scripted
from tests.unit.client.test_recordings import BODY
from whale.client.encrypted_search import EACH, search_encrypted
from whale.model.errors import RecordingError, UsageError
from whale.model.secret import Secret
from whale.recording.writer import RecordingWriter

KEY, OTHER = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
KEYS = [Secret(str(KEY))]
IDS = [digit * 32 for digit in "1234"]


@pytest.fixture
def serving(tmp_path: Path) -> Script:
    """Two recordings of this key, one of another, and one that the server reads by itself."""
    rows: list[dict[str, Any]] = []
    for number, id in enumerate(IDS):
        recipients = [str((OTHER if number == 2 else KEY).to_public())] if number < 3 else []
        writer = RecordingWriter.create(tmp_path / id, header(id), recipients=recipients)
        writer.write([output(0, b"drop it %d\r\n" % line * 1) for line in range(2 * EACH)], {})
        writer.finish()
        rows.append(BODY | {"id": id, "encrypted": number < 3})

    def script(peer: Peer) -> None:
        path = peer.receive_request().path
        if path.startswith("/1.0/recordings?"):
            peer.answer(200, json.dumps({"recordings": rows, "next": None}).encode())
            return
        _, id, _, number = path.rsplit("?")[0].rsplit("/", 3)
        file = tmp_path / id / f"{int(number):06}.chunk"
        peer.answer(200, file.read_bytes()) if file.exists() else peer.refuse(404, "recording.not_found", "no part")

    return script


def test_what_the_key_opens_is_searched(serving: Script) -> None:
    with scripted(serving) as server:
        found = search_encrypted(server.profile, "drop it", {"person": "alice"}, KEYS, limit=100)
        assert [(one.recording.id, len(one.hits)) for one in found] == [(IDS[0], EACH), (IDS[1], EACH)]
        assert found[0].hits[1] == (0, "screen", "drop it 1")
        few = search_encrypted(server.profile, "drop it", {}, KEYS, limit=3)
        assert [len(one.hits) for one in few] == [3]
        assert search_encrypted(server.profile, "nowhere", {}, KEYS, limit=3) == []
        with pytest.raises(UsageError):
            search_encrypted(server.profile, "-", {}, KEYS, limit=3)


def test_what_is_damaged_is_said(serving: Script, tmp_path: Path) -> None:
    (tmp_path / IDS[0] / "000000.chunk").write_bytes(b"nothing")
    with scripted(serving) as server, pytest.raises(RecordingError) as raised:
        search_encrypted(server.profile, "drop", {}, KEYS, limit=3)
    assert raised.value.code == "recording.damaged"
