import os
import threading

import pytest

from bench import paths
from bench.echo import bars, strokes
from bench.model import BenchError


def answering(fd: int, answer: bytes, times: int) -> threading.Thread:
    """The other end of a terminal, by hand."""

    def run() -> None:
        for _ in range(times):
            os.read(fd, 64)
            os.write(fd, answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def pair() -> tuple[int, int]:
    import socket

    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def test_each_stroke_is_timed(pair: tuple[int, int]) -> None:
    thread = answering(pair[1], b"x", 5)
    took = strokes(pair[0], 5)
    thread.join(10)
    assert len(took) == 5
    assert all(time > 0 for time in took)


def test_something_else_than_the_key_is_no_echo(pair: tuple[int, int]) -> None:
    thread = answering(pair[1], b"y", 1)
    with pytest.raises(BenchError, match="came back"):
        strokes(pair[0], 1)
    thread.join(10)


def test_bars_compare_the_middles_of_the_same_rounds() -> None:
    rounds = {
        paths.WHALE: [[2.0, 2.0, 9.0], [6.0, 6.0, 6.0]],
        paths.DOCKER: [[1.0, 1.0, 9.0], [3.0, 3.0, 3.0]],
        paths.SSH_DOCKER: [[4.0, 4.0, 4.0], [12.0, 12.0, 12.0]],
        paths.RAW: [[1.0], [1.0]],
    }
    found = bars(rounds)
    assert [(bar.against, bar.value, bar.met) for bar in found] == [
        (paths.DOCKER, 2.0, False),
        (paths.SSH_DOCKER, 0.5, True),
    ]


def test_a_path_that_was_left_out_has_no_bar() -> None:
    assert [bar.against for bar in bars({paths.WHALE: [[1.0]], paths.DOCKER: [[1.0]]})] == [paths.DOCKER]
