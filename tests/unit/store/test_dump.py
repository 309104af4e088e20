"""The form of backups: what goes in comes out, and what was cut or changed anywhere is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.model.errors import UsageError
from whale.store.dump import DumpWriter, Head, Row, read_dump

HEAD = Head(revision="0003", time="2027-01-15T08:00:00.000000Z", tables={"a": ("x",), "b": ("x", "y"), "c": ("z",)})

VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary()
ROWS = st.lists(
    st.builds(lambda x: Row("a", (x,)), VALUES) | st.builds(lambda x, y: Row("b", (x, y)), VALUES, VALUES), max_size=8
).map(lambda rows: sorted(rows, key=lambda row: row.table))


def written(rows: list[Row]) -> bytes:
    writer = DumpWriter()
    return writer.begin(HEAD) + b"".join(writer.row(row) for row in rows) + writer.end()


def read(data: bytes) -> list[Head | Row]:
    return list(read_dump(data.splitlines(keepends=True)))


def refused(data: bytes) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(data)
    assert caught.value.hint
    return caught.value


@given(ROWS)
def test_what_goes_in_comes_out(rows: list[Row]) -> None:
    assert read(written(rows)) == [HEAD, *rows]


@given(ROWS, st.data())
def test_wherever_it_is_cut_it_is_refused(rows: list[Row], data: st.DataObject) -> None:
    whole = written(rows)
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(ROWS, st.data())
def test_whatever_byte_is_changed_it_is_refused(rows: list[Row], data: st.DataObject) -> None:
    whole = bytearray(written(rows))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    refused(bytes(whole))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no backup"),
        (b"SQLite format 3\0", "no backup"),
        (b'{"format":"other","version":1,"revision":"1","time":"","tables":{}}\n', "no backup"),
        (written([]).replace(b'"version":1', b'"version":2'), "newer version"),
        (written([Row("a", (1,))]).replace(b"[1]", b"[1,2]"), "belongs to no table"),
        (written([Row("a", (1,))]).replace(b'"a"\n', b""), "belongs to no table"),
        (written([Row("a", (1,))]).replace(b"[1]", b"[true]"), "a value that can't be read"),
        (written([Row("a", (b"x",))]).replace(b"eA==", b"*"), "a value that can't be read"),
        (written([Row("a", (1,))]).replace(b"[1]", b"[2]"), "is not what was written"),
        (written([Row("a", (1,))]).replace(b"[1]\n", b""), "is not what was written"),
        (written([]) + b"\n", "something after its end"),
        (written([])[:-1] + b'{"rows":0}\n', "line that can't be read"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, problem: str) -> None:
    assert problem in refused(data).message
