from whale.engine.fake.terminal import MAX_LINE, Terminal, Typed
from whale.model.exec import Signal


def test_a_line_is_echoed_and_ready_at_its_end() -> None:
    terminal = Terminal()
    assert terminal.type(b"ab") == Typed(b"", b"ab", (), False)
    assert terminal.type(b"c\r") == Typed(b"abc\n", b"c\r\n", (), False)


def test_erase() -> None:
    assert Terminal().type(b"ab\x7f\x08\x7fx\n") == Typed(b"x\n", b"ab\b \b\b \bx\r\n", (), False)


def test_signals_forget_the_line() -> None:
    terminal = Terminal()
    assert terminal.type(b"ab\x03") == Typed(b"", b"ab^C", (Signal.INT,), False)
    assert terminal.type(b"\x1c") == Typed(b"", b"^\\", (Signal.QUIT,), False)
    assert terminal.type(b"\n").ready == b"\n"


def test_end_of_input_only_on_an_empty_line() -> None:
    assert Terminal().type(b"\x04").is_end
    assert Terminal().type(b"ab\x04") == Typed(b"ab", b"ab", (), False)


def test_a_line_without_end_is_bounded() -> None:
    terminal = Terminal()
    assert terminal.type(b"x" * (MAX_LINE + 2)).echo.endswith(b"x\a\a")
    assert len(terminal.type(b"\n").ready) == MAX_LINE + 1


def test_raw_passes_everything() -> None:
    terminal = Terminal()
    terminal.raw = True
    assert terminal.type(b"\x03\x04\r") == Typed(b"\x03\x04\r", b"", (), False)
    assert terminal.show(b"\n") == b"\n"


def test_output_gets_carriage_returns() -> None:
    assert Terminal().show(b"a\nb") == b"a\r\nb"
