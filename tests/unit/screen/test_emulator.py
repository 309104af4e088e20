import base64
from pathlib import Path

import pytest

from whale.model.limits import MAX_UNFINISHED
from whale.model.terminal import TerminalSize
from whale.screen.cells import Reader
from whale.screen.emulator import Emulator, Place
from whale.screen.events import Events
from whale.screen.library import LibraryError


def text_of(emulator: Emulator) -> list[str]:
    reader = Reader(emulator)
    try:
        return ["".join(cell.text for cell in row.cells) for row in reader.rows()]
    finally:
        reader.close()


def test_the_cursor_has_a_place(emulator: Emulator) -> None:
    assert emulator.place() == Place(0, 0, False)
    emulator.write(b"\r\n0123456789")
    assert emulator.place() == Place(9, 1, True)


def test_a_clone_is_in_the_same_state_and_goes_its_own_way(emulator: Emulator) -> None:
    emulator.write(b"main\x1b[?1049halt\x1b]2;title\x07\x1b[?2004h\x1b[3")
    clone = emulator.clone()
    clone.write(b";2Hx\x1b[?1049l")
    assert text_of(clone)[0] == "main"
    assert clone.text("TITLE") == b"title"
    assert clone.mode(2004)
    clone.close()
    assert emulator.is_alternate
    assert text_of(emulator)[2] == ""


def test_what_is_unfinished_is_known(emulator: Emulator) -> None:
    for data, unfinished in (
        (b"text", b""),
        (b"\x1b[3", b"\x1b[3"),
        (b"8;5", b"\x1b[38;5"),
        (b";1m", b""),
        (b"\xe6\xbc", b"\xe6\xbc"),
        (b"\xa2\x1b]2;ti", b"\x1b]2;ti"),
        (b"\x07\x1bP+q", b"\x1bP+q"),
    ):
        emulator.write(data)
        assert emulator.unfinished() == unfinished
        assert emulator.settled() == (TerminalSize(cols=10, rows=4), not unfinished)


def test_what_is_unfinished_has_a_bound(emulator: Emulator) -> None:
    emulator.write(b"\x1b]2;" + b"x" * MAX_UNFINISHED)
    assert emulator.unfinished() is None
    with pytest.raises(LibraryError):
        emulator.clone()


@pytest.mark.parametrize("before", [b"", b"\x1b[?7l"])
def test_lines_are_wrapped_anew(emulator: Emulator, before: bytes) -> None:
    emulator.write(b"abcdefgh" + before)
    emulator.resize(TerminalSize(cols=4, rows=4))
    assert text_of(emulator)[:2] == ["abcd", "efgh"]


def test_wrapping_stays_off_that_was_off(emulator: Emulator) -> None:
    emulator.write(b"\x1b[?7l")
    emulator.resize(TerminalSize(cols=4, rows=4))
    assert not emulator.mode(7)


def test_colours_are_those_that_were_set(emulator: Emulator) -> None:
    assert emulator.colour("COLOR_FOREGROUND") is None
    usual = emulator.palette("COLOR_PALETTE")
    assert len(usual) == 3 * 256
    emulator.write(b"\x1b]10;rgb:01/02/03\x07\x1b]4;1;rgb:0a/0b/0c\x07")
    assert emulator.colour("COLOR_FOREGROUND") == (1, 2, 3)
    assert emulator.palette("COLOR_PALETTE")[3:6] == b"\x0a\x0b\x0c"
    assert emulator.palette("COLOR_PALETTE_DEFAULT") == usual


@pytest.mark.parametrize("medium", [b"f", b"t", b"s"])
def test_programs_cannot_have_it_read_files(emulator: Emulator, tmp_path: Path, medium: bytes) -> None:
    picture = tmp_path / "tty-graphics-protocol.rgb"
    picture.write_bytes(bytes(12))
    name = base64.b64encode(bytes(picture))
    events = Events()
    emulator.connect(events)
    emulator.write(b"\x1b_Ga=T,i=1,f=24,s=2,v=2,t=%b;%b\x1b\\" % (medium, name))
    assert b"OK" not in events.take()
    # The protocol has temporary files deleted by who reads them.
    assert picture.exists()


def test_ansi_modes_are_told_from_private_ones(emulator: Emulator) -> None:
    emulator.write(b"\x1b[4h")
    assert emulator.mode(4, is_ansi=True)
    assert not emulator.mode(4)
