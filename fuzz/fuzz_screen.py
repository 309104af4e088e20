"""Fuzz the screen: nothing raises or takes long, memory stays, and any split gives the same picture.

The first two bytes of the input say how large the terminal is and in what pieces the output is fed; a byte 0xF8, which
is in no text, changes the size. The library is compiled code without checks: what it would do wrong ends the process.
"""

import time

from whale.model.limits import MAX_UNFINISHED
from whale.model.terminal import TerminalSize
from whale.screen.screen import Screen, open_screen

SIZES = ((80, 24), (1, 1), (2, 5), (10, 3), (300, 100), (65535, 65535), (20, 200))
MAX_SECONDS = 4.0
"""For one input, with all its repaints: a hundred times what most take."""

MAX_INPUT, MAX_PIECES = 1 << 17, 4000
MAX_REPAINT = 8 << 20
MAX_GROWTH = 192 << 10
"""KiB of memory that one input may make the process grow by: the largest screen, every cell with fifty accents."""

TEXT = "漢字😀e\u0301\u200d👩\u200d👧\ufe0f".encode()
SEEDS: list[bytes] = [
    b"\x00\x07text\r\n\x1b[1;31mred\x1b[m \x1b]2;title\x07\x1b[?1049h\x1b[2;5r\x1b[?6h\x1b[H\xf8x\x1b[?1049l",
    b"\x01\x01x\x1b[65535b\x1b[9999999999999b\x1b[65535;65535H\x1b[65535S\x1b[65535T\x1b[65535@\x1b[65535P",
    b"\x02\x03" + TEXT + b"\xf8\x1b[?2027h" + TEXT + b"\xf8\x1b[?7l" + TEXT,
    b"\x03\x40" + b"\x1bc\x1b#8\x1b[2J\x1b[3J\x1b[22J\x1b[?40h\x1b[?3h\x1b[?3l\x1b[!p" * 3,
    b"\x04\xff\x1b[" + b"1;" * 300 + b"m\x1b[" + b"4:" * 300 + b"m\x1b[38;2;1;2m\x1b[58:2::1:2:3m",
    b"\x05\x10\x1b_Ga=T,f=24,s=65535,v=65535,t=f;L2V0Yy9wYXNzd2Q=\x1b\\\x1b_Ga=q\x1b\\\x1b_25a1;s\x1b\\",
    b"\x06\x20\x1b]4;1;?;2;#fff;999;#fff\x07\x1b]52;c;" + b"QUJD" * 50 + b"\x07\x1b]8;id=a;http://x\x07a\x1b]133;A\x07",
    b"\x00\x02\x1b[>31u\x1b[<99u\x1b[=1;2u\x1b7\x1b8\x1b[s\x1b[u\x1b[?69h\x1b[5;3s\x1b[10;2r\x1b[?1048h\x1b[?7s",
    b"\x00\x05\x1bP1000p%begin\n\x1b\\\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1bPq#0;2;0;0;0~\x1b\\\x1bX\x9d\x1b^\x96\x1b\\",
    b'\x00\x05\x1b(0\x1b)A\x0e\x1bn\x1bo\x1b~\x1b}\x1b|\x1bNx\x1bOx\xf8\x1b[1"qx\x1bVx\x1bW\x1b[?1003h\x1b[?1016h',
    b"\x05\x80\x1b]8;;http://x\x07" + "漢".encode() + b"\x1b[99999b\x1b[5S\x1b[9M" * 3,
    b"\x04\x03\x1b[?47h\xf8"
    + b"".join(b"\x1b]8;;http://x%d\x07ab" % i for i in range(1500))
    + b"\xf8\x1b[9\x9d8;;x\x07",
    b"\x00\xff\x1b]52;c;" + b"QUJD" * 20_000 + b"\x1b\\text\x1bP" + b"q" * 70_000,
]


def fuzz_one(data: bytes) -> None:
    """Feed one output to a screen, whole and in pieces."""
    began, memory = time.thread_time(), _memory()
    kind, step, output = data[0] if data else 0, data[1] if len(data) > 1 else 1, data[2:MAX_INPUT]
    step = max(step, 1, len(output) // MAX_PIECES)
    whole, split = _open(kind), _open(kind)
    for number, piece in enumerate(output.split(b"\xf8")):
        if number:
            for screen in (whole, split):
                screen.resize(_size(kind + number))
        whole.feed(piece)
        for start in range(0, len(piece), step):
            split.feed(piece[start : start + step])
        assert len(whole.replies()) <= 4096
    pictures = [whole.repaint(), split.repaint()]
    assert len(pictures[0]) < MAX_REPAINT
    # Where a string is too long, and where mode 40 let programs have another size, is looked at behind each piece.
    is_plain = len(output) <= MAX_UNFINISHED and b"40" not in output
    if is_plain and not whole.lost and not split.lost:
        assert pictures[0] == pictures[1], f"pieces of {step} bytes give another picture"
    whole.close()
    split.close()
    assert time.thread_time() - began < MAX_SECONDS, f"took {time.thread_time() - began:.1f} s"
    assert _memory() - memory < MAX_GROWTH, f"grew by {_memory() - memory} KiB"


def _open(kind: int) -> Screen:
    screen = open_screen(_size(kind))
    assert screen is not None
    return screen


def _size(kind: int) -> TerminalSize:
    cols, rows = SIZES[kind % len(SIZES)]
    return TerminalSize(cols=cols, rows=rows)


def _memory() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4
