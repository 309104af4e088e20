import os
import threading

from bench.pipe import drain, fill


def test_what_fills_a_pipe_is_what_drains_from_it() -> None:
    out, into = os.pipe()
    size = 3 * (1 << 20) + 17

    def feed() -> None:
        fill(into, size)
        os.close(into)

    thread = threading.Thread(target=feed)
    thread.start()
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        assert drain(out, null) == size
    finally:
        thread.join(10)
        os.close(out)
        os.close(null)
