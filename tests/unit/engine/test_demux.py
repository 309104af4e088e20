import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.engine.demux import Demultiplexer
from whale.model.exec import Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def test_frames_come_apart_and_neighbours_of_a_stream_together() -> None:
    demux = Demultiplexer()
    data = frame(1, b"a") + frame(1, b"b") + frame(2, b"c") + frame(2, b"") + frame(1, b"d")
    assert demux.feed(data) == [(OUT, b"ab"), (ERR, b"c"), (OUT, b"d")]
    assert demux.is_between_frames


def test_a_partial_frame_is_handed_on_at_once() -> None:
    demux = Demultiplexer()
    assert demux.feed(b"\x01\x00\x00\x00\xff\xff\xff\xffabc") == [(OUT, b"abc")]
    assert not demux.is_between_frames
    assert demux.feed(b"def") == [(OUT, b"def")]


def test_a_partial_header_waits() -> None:
    demux = Demultiplexer()
    assert demux.feed(b"\x02\x00\x00") == []
    assert not demux.is_between_frames
    assert demux.feed(b"\x00\x00\x00\x00\x01!") == [(ERR, b"!")]


def test_stream_0_counts_as_output() -> None:
    assert Demultiplexer().feed(frame(0, b"x")) == [(OUT, b"x")]


@pytest.mark.parametrize("header", [b"\x03\0\0\0", b"\xff\0\0\0", b"\x01\x01\0\0", b"\x01\0\x01\0", b"\x01\0\0\x01"])
def test_a_header_that_is_none_is_an_error_and_ends_it(header: bytes) -> None:
    demux = Demultiplexer()
    assert demux.feed(frame(1, b"before") + header + b"\0\0\0\x01x") == [(OUT, b"before")]
    assert demux.error is not None
    assert demux.error.code == "engine.failed"
    assert header.hex() in demux.error.detail
    assert demux.feed(frame(1, b"after")) == []
    assert not demux.is_between_frames


def test_the_result_does_not_depend_on_the_buffer() -> None:
    buffer = bytearray(frame(1, b"first"))
    [(_, data)] = Demultiplexer().feed(memoryview(buffer))
    buffer[:] = b"\xff" * len(buffer)
    assert data == b"first"


frames = st.lists(st.tuples(st.sampled_from((1, 2)), st.binary(max_size=40)), max_size=12)


@given(frames=frames, cuts=st.lists(st.integers(0, 600), max_size=30))
def test_any_split_gives_the_same_bytes_per_stream(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    data = b"".join(frame(*f) for f in frames)
    demux = Demultiplexer()
    got = {OUT: b"", ERR: b""}
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    for start, end in pairwise(edges):
        for stream, part in demux.feed(data[start:end]):
            got[stream] += part
    assert got == {s: b"".join(p for n, p in frames if n == s) for s in (OUT, ERR)}
    assert demux.is_between_frames


def test_it_is_much_faster_than_any_engine() -> None:
    data = memoryview((frame(1, bytes(32768))) * 8)
    demux = Demultiplexer()
    best = 1e9
    for _ in range(20):
        start = time.perf_counter()
        demux.feed(data)
        best = min(best, time.perf_counter() - start)
    assert len(data) / best > 1e9


@given(frames=frames, cut=st.integers(0, 600))
def test_another_one_goes_on_from_the_state(frames: list[tuple[int, bytes]], cut: int) -> None:
    data = b"".join(frame(*f) for f in frames)
    one = Demultiplexer()
    got = {OUT: b"", ERR: b""}
    for stream, part in one.feed(data[:cut]):
        got[stream] += part
    two = Demultiplexer(one.state)
    assert two.is_between_frames == one.is_between_frames
    for stream, part in two.feed(data[cut:]):
        got[stream] += part
    assert got == {s: b"".join(p for n, p in frames if n == s) for s in (OUT, ERR)}


def test_what_is_broken_stays_broken() -> None:
    one = Demultiplexer()
    one.feed(b"\xff" * 8)
    two = Demultiplexer(one.state)
    assert two.error is not None
    assert two.feed(frame(1, b"x")) == []
