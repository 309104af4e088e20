"""Recordings for tests: a header, and events that a terminal brings."""

import random

from whale.model.terminal import TerminalSize
from whale.recording.event import Code, RecordedEvent
from whale.recording.header import About, Header, make_header

SIZE = TerminalSize(cols=80, rows=24)
ID = "0123456789abcdef0123456789abcdef"


def header(id: str = ID) -> Header:
    about = About(
        id=id,
        started=1_700_000_000_123,
        principal="alice",
        tty=True,
        mode="all",
        container={"id": "c0ffee", "name": "web", "image": "whale/dev", "engine": "docker"},
        command=("bash", "-l"),
        reason="ticket 42",
        policies=("developers",),
    )
    return make_header(about, SIZE, terminal="xterm-256color")


def output(at: int, data: bytes) -> RecordedEvent:
    return RecordedEvent(at, Code.OUTPUT, data)


def some_events(seed: int, count: int = 50, *, at: int = 0) -> list[RecordedEvent]:
    some = random.Random(seed)
    events = []
    for _ in range(count):
        at += some.choice((0, 0, 1, 16, 250, 61_003))
        code = some.choice((Code.OUTPUT, Code.OUTPUT, Code.OUTPUT, Code.INPUT, Code.RESIZE, Code.MARKER))
        if code is Code.RESIZE:
            data = b"%dx%d" % (some.randint(1, 300), some.randint(1, 100))
        elif code is Code.MARKER:
            data = "bob came as viewer é".encode()
        else:
            data = some.choice(
                (b"ls -la\r\n", "漢字 é\r\n".encode(), some.randbytes(40), b"\x1b[31mred\x1b[m", b'"\\\x00\x1f\x7f')
            )
        events.append(RecordedEvent(at, code, data))
    return events
