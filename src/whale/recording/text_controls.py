"""What control characters and sequences do to a `TextScreen`; those that it does not know change no text. Pure."""

from collections.abc import Callable
from typing import Final

from whale.recording.text_screen import Cursor, TextScreen

_TAB: Final = 8
_ALTERNATE: Final = ("47", "1047", "1049")
_END: Final = 2**30


def control(screen: TextScreen, char: str) -> None:
    """Obey a control character."""
    if char == "\r":
        screen.column = 0
    elif char in "\n\x0b\x0c\x84":
        screen.feed_line()
    elif char == "\x85":
        screen.feed_line()
        screen.column = 0
    elif char == "\b":
        screen.column = max(0, min(screen.column, screen.cols - 1) - 1)
    elif char == "\t":
        screen.column = min(max(screen.column, screen.cols - 1), (screen.column // _TAB + 1) * _TAB)
    elif char == "\x8d":
        _reverse(screen)
    elif char in "\x0e\x0f":
        screen.is_drawing = char == "\x0e" and screen.is_drawn_shifted


def escape(screen: TextScreen, between: str, final: str) -> None:
    """Obey an escape sequence."""
    if between == "(":
        screen.is_drawing = final == "0"
    elif between == ")":
        screen.is_drawn_shifted = final == "0"
    elif between or final not in _ESCAPES:
        return
    else:
        _ESCAPES[final](screen)


def act(screen: TextScreen, private: str, arguments: str, final: str) -> None:
    """Obey a control sequence."""
    if private == "?" and final in "hl":
        if any(each in _ALTERNATE for each in arguments.split(";")):
            screen.switch(is_alternate=final == "h")
    elif not private and final in _ACTIONS:
        first, _, rest = arguments.partition(";")
        _ACTIONS[final](screen, _number(first), _number(rest.partition(";")[0]))


def _number(written: str) -> int:
    """A parameter: 0 where there is none."""
    return min(int(written), _END) if written.isdecimal() and len(written) < 10 else 0


def _reverse(screen: TextScreen) -> None:
    if screen.row == screen.top:
        screen.scroll(screen.top, screen.bottom, -1)
    else:
        screen.move(screen.row - 1, screen.column)


def _next(screen: TextScreen) -> None:
    screen.feed_line()
    screen.column = 0


def _save(screen: TextScreen) -> None:
    screen.saved = Cursor(screen.row, screen.column)


def _reset(screen: TextScreen) -> None:
    screen.switch(is_alternate=False)
    _erase_screen(screen, 2, 0)
    _margins(screen, 0, 0)
    screen.is_drawing = screen.is_drawn_shifted = False


def _erase_screen(screen: TextScreen, which: int, _: int) -> None:
    row, column = screen.row, screen.column
    if not screen.may_take(len(screen.rows)):
        return
    if which == 0:
        screen.erase(row, column, _END)
    elif which == 1:
        screen.erase(row, 0, column + 1)
    first, last = {0: (row + 1, len(screen.rows)), 1: (0, row), 2: (0, len(screen.rows))}.get(which, (0, 0))
    for each in range(first, min(last, len(screen.rows))):
        screen.clear(each)
    if which in (0, 2):
        del screen.rows[max(first, row + 1) :]


def _erase_line(screen: TextScreen, which: int, _: int) -> None:
    start, end = {0: (screen.column, _END), 1: (0, screen.column + 1), 2: (0, _END)}.get(which, (0, 0))
    if end:
        screen.erase(screen.row, start, end)


def _margins(screen: TextScreen, top: int, bottom: int) -> None:
    last = min(bottom or screen.height, screen.height)
    first = max(1, top)
    if first < last:
        screen.top, screen.bottom = first - 1, last - 1
        screen.move(0, 0)


def _scroll_from(screen: TextScreen, count: int) -> None:
    if screen.top <= screen.row <= screen.bottom:
        screen.scroll(screen.row, screen.bottom, count)


_ESCAPES: Final[dict[str, Callable[[TextScreen], None]]] = {
    "7": _save,
    "8": lambda screen: screen.move(*screen.saved),
    "D": lambda screen: screen.feed_line(),
    "E": _next,
    "M": _reverse,
    "c": _reset,
}

_ACTIONS: Final[dict[str, Callable[[TextScreen, int, int], None]]] = {
    "A": lambda screen, n, _: screen.move(screen.row - max(1, n), screen.column),
    "B": lambda screen, n, _: screen.move(screen.row + max(1, n), screen.column),
    "C": lambda screen, n, _: screen.move(screen.row, screen.column + max(1, n)),
    "D": lambda screen, n, _: screen.move(screen.row, min(screen.column, screen.cols - 1) - max(1, n)),
    "E": lambda screen, n, _: screen.move(screen.row + max(1, n), 0),
    "F": lambda screen, n, _: screen.move(screen.row - max(1, n), 0),
    "G": lambda screen, n, _: screen.move(screen.row, max(1, n) - 1),
    "`": lambda screen, n, _: screen.move(screen.row, max(1, n) - 1),
    "H": lambda screen, n, m: screen.move(max(1, n) - 1, max(1, m) - 1),
    "f": lambda screen, n, m: screen.move(max(1, n) - 1, max(1, m) - 1),
    "d": lambda screen, n, _: screen.move(max(1, n) - 1, screen.column),
    "e": lambda screen, n, _: screen.move(screen.row + max(1, n), screen.column),
    "a": lambda screen, n, _: screen.move(screen.row, screen.column + max(1, n)),
    "J": _erase_screen,
    "K": _erase_line,
    "X": lambda screen, n, _: screen.erase(screen.row, screen.column, screen.column + max(1, n)),
    "@": lambda screen, n, _: screen.shift(max(1, n)),
    "P": lambda screen, n, _: screen.shift(-max(1, n)),
    "L": lambda screen, n, _: _scroll_from(screen, -max(1, n)),
    "M": lambda screen, n, _: _scroll_from(screen, max(1, n)),
    "S": lambda screen, n, _: screen.scroll(screen.top, screen.bottom, max(1, n)),
    "T": lambda screen, n, _: screen.scroll(screen.top, screen.bottom, -max(1, n)),
    "b": lambda screen, n, _: screen.repeat(max(1, n)),
    "r": _margins,
    "s": lambda screen, _, __: _save(screen),
    "u": lambda screen, _, __: screen.move(*screen.saved),
}
