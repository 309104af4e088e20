"""Few records say what many have said."""

from pathlib import Path

from tests.recording_events import header
from whale.recording.chunk import HEAD, LINES, MAGIC, MORE, Head, Note, encode_record
from whale.recording.codec import Sealer
from whale.recording.header import encode_header
from whale.recording.parts import PART, Written, joined, packed, read_again

LINE = b'[0.001, "o", "' + b"x" * 80 + b'"]\n'
WRITTEN = [Written(Note(0), encode_header(header()))] + [
    Written(Note(number, 80, {"stdout": number * 80}), LINE) for number in range(1, 1001)
]


def test_joined_records_say_what_the_last_of_them_said() -> None:
    parts = list(joined(WRITTEN))
    assert parts[0] == WRITTEN[0]
    assert parts[-1].note == Note(1000, parts[-1].note.raw, {"stdout": 80_000})
    assert sum(part.note.raw for part in parts) == 80_000
    assert b"".join(part.lines for part in parts) == b"".join(each.lines for each in WRITTEN)
    assert all(PART <= len(part.lines) < PART + len(LINE) for part in parts[1:-1])
    raw = 0
    for part in parts[1:]:
        raw += part.note.raw
        assert part.note.position == {"stdout": raw} == {"stdout": part.note.at * 80}


def test_of_nothing_nothing_is_made() -> None:
    assert list(joined([])) == []
    assert list(joined([Written(Note(1, position={"stdout": 5}), b"")])) == [
        Written(Note(1, position={"stdout": 5}), b"")
    ]


def test_a_large_one_stays_alone() -> None:
    large = Written(Note(2), LINE * 1000)
    assert list(joined([large, large])) == [large, large]


def test_packed_records_are_smaller_and_are_read_in_order(tmp_path: Path) -> None:
    records = list(packed(WRITTEN, Sealer()))
    assert [record[0] for record in records] == [LINES] + [MORE] * (len(records) - 1)
    assert sum(map(len, records)) < 80_000 // 20
    path = tmp_path / "000000.chunk"
    path.write_bytes(MAGIC + encode_record(HEAD, Head("id", 0, 0)) + b"".join(records))
    assert read_again(path) == list(joined(WRITTEN))
