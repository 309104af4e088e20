import time
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tests.corpus.secrets import cases, survivors
from tests.recording_events import ID, header, output
from whale.model.errors import RecordingError
from whale.recording.event import Code, KeyFrame, RecordedEvent
from whale.recording.index import Indexed, IndexSearch, IndexWriter, shard_files
from whale.recording.indexer import Indexer
from whale.recording.redact import Redactor
from whale.recording.rules import Rules
from whale.recording.search_query import SearchQuery
from whale.recording.shard import Shard
from whale.recording.writer import RecordingWriter

RULES = Rules()


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = IndexWriter(folder / "index")
        self.indexer = Indexer(folder, self.writer, RULES)

    def begin(self, id: str = ID, recipients: tuple[str, ...] = ()) -> RecordingWriter:
        return RecordingWriter.create(self.folder / id, header(id), recipients=recipients)

    def index(self, id: str = ID) -> int:
        count = 0
        while self.indexer.advance(id):
            count += 1
        return count

    def found(self, text: str) -> list[tuple[int, str, str]]:
        search = IndexSearch(self.folder / "index", SearchQuery(text), deadline=time.monotonic() + 60)
        hits = []
        while candidates := search.candidates():
            hits += [hit for id in candidates for hit in search.hits(id, limit=1000)]
        search.close()
        return sorted((hit.at, str(hit.kind), hit.line) for hit in hits)

    def content(self) -> bytes:
        """All that is in the index, as it lies there and as it is read."""
        out = []
        for path in shard_files(self.folder / "index"):
            shard = Shard(path)
            out += [path.read_bytes(), *(shard.rows(number + 1) for number in range(shard.blocks()))]
            shard.close()
        return b"\n".join(out)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.writer.close()


def test_parts_are_indexed_when_nothing_is_added_to_them(place: Place) -> None:
    writer = place.begin()
    writer.write([output(500, b"$ drop tab")], {})
    assert place.index() == 0
    writer.write([RecordedEvent(700, Code.INPUT, b"typed\r")], {})
    writer.begin_chunk(KeyFrame(0, 80, 24, b"\x1b[1;1H$ drop tab"))
    writer.write([output(900, b"le users\r\n"), output(1500, b"second\r\n")], {})
    assert place.index() == 1
    assert place.found("typed") == [(700, "typed", "typed")]
    writer.finish()
    assert place.index() == 1
    # A line that goes on in the next part is whole there.
    assert place.found("drop table users") == [(900, "screen", "$ drop table users")]
    assert place.found("second") == [(1500, "screen", "second")]
    assert place.index() == 0
    assert place.writer.known == {ID: Indexed(2, is_finished=True)}


@pytest.mark.parametrize("is_known", [False, True])
def test_a_crash_neither_loses_nor_doubles_lines(place: Place, is_known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = place.begin()
    for part in range(3):
        writer.write([output(part * 1000, b"".join(b"part %d line %d\r\n" % (part, line) for line in range(50)))], {})
        writer.begin_chunk()
    writer.finish()
    assert place.indexer.advance(ID)
    with monkeypatch.context() as patch:
        add = Shard.add

        def cut(self: Shard, *args: object) -> None:
            if is_known:
                add(self, *args)  # type: ignore[arg-type]
            raise KeyboardInterrupt

        patch.setattr(Shard, "add", cut)
        with pytest.raises(KeyboardInterrupt):
            place.indexer.advance(ID)
    place.writer.close()
    place.__init__(place.folder)  # type: ignore[misc]
    place.index()
    assert len(place.found("part line")) == 150
    assert len({line for _, _, line in place.found("part line")}) == 150


def test_what_is_encrypted_is_left_alone(place: Place) -> None:
    key = str(pyrage.x25519.Identity.generate().to_public())
    writer = place.begin(recipients=(key,))
    writer.write([output(0, b"drop table\r\n")], {})
    writer.finish()
    assert place.index() == 0
    assert shard_files(place.folder / "index") == []


def test_what_is_damaged_is_indexed_up_to_there(place: Place) -> None:
    writer = place.begin()
    writer.write([output(0, b"before\r\n")], {})
    writer.write([RecordedEvent(5, Code.RESIZE, b"0x0")], {})
    writer.finish()
    assert place.index() == 1
    assert place.found("before") == [(0, "screen", "before")]
    with pytest.raises(RecordingError):
        place.indexer.advance("f" * 32)


def test_nothing_of_the_secrets_is_in_the_index(place: Place) -> None:
    found = []
    writer = place.begin()
    for number, case in enumerate(cases()):
        redactor = Redactor(RULES, cols=case.cols)
        spans = [span for piece in case.pieces for span in redactor.feed(piece)] + redactor.finish()
        lines = b"".join(span.data for span in spans)
        events = [RecordedEvent(number, Code.RESIZE, b"%dx24" % case.cols), output(number, b"\r\n" + lines + b"\r\n")]
        writer.write(events, {})
        found.append(case.secret)
    writer.finish()
    assert place.index() == 1
    content = place.content()
    assert content.count(b"redacted") > len(found) // 2
    left = [secret for secret in found if survivors(secret, content)]
    assert not left


def test_a_secret_that_was_painted_in_pieces_is_not_in_the_index(place: Place) -> None:
    token = "gh" + "p_" + "a1B2" * 9
    painted = b"".join(b"\x1b[5;%dH%s" % (at + 1, token[at : at + 3].encode()) for at in reversed(range(0, 40, 3)))
    writer = place.begin()
    writer.write([output(0, b"token: \r\n" + painted + b"\x1b[6;1Hseen\r\n")], {})
    writer.finish()
    assert place.index() == 1
    assert place.found("seen")
    assert not survivors(token, place.content())
