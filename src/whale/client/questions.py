"""Which control sequences terminals answer.

The table is of xterm, VTE, kitty, iTerm2, foot, Ghostty, Windows Terminal and the hardware they descend from. That one
of them answers is enough.
"""

import re

MAX_HELD = 8 * 1024
"""Bytes of a sequence that may be read before it is decided whether it asks: the longest way to set 256 colours at once
has 6,000."""

_OSC, _DCS, _APC = b"]P_"

_PARTS = re.compile(rb"([<-?]?)([0-9:;<-?]*)([ -/]*)([@-~])")
_NOT_PRINTABLE = re.compile(rb"[^ -~]")
_ASKING = frozenset(
    {
        (b"", b"", b"c"),  # DA1
        (b">", b"", b"c"),  # DA2
        (b"=", b"", b"c"),  # DA3
        (b"", b"", b"n"),  # DSR: status, cursor
        (b"?", b"", b"n"),  # DSR: printer, keyboard, locator, colour scheme
        (b"", b"$", b"p"),  # DECRQM
        (b"?", b"$", b"p"),
        (b"", b"", b"x"),  # DECREQTPARM
        (b">", b"", b"q"),  # XTVERSION
        (b"?", b"", b"u"),  # kitty keyboard
        (b"?", b"", b"S"),  # XTSMGRAPHICS
        (b"?", b"", b"m"),  # XTQMODKEYS
        (b"?", b"", b"g"),  # XTQFMTKEYS
        (b"", b"$", b"u"),  # DECRQTSR
        (b"", b"$", b"w"),  # DECRQPSR
        (b"", b"*", b"y"),  # DECRQCRA
        (b"", b"&", b"u"),  # DECRQUPSS
        (b"", b"'", b"|"),  # DECRQLP
        (b"", b'"', b"v"),  # DECRQDE
        (b"", b"#", b"R"),  # XTREPORTCOLORS
        (b"", b"#", b"S"),  # XTTITLEPOS
        (b"", b"#", b"|"),  # XTREPORTSGR
    }
)
_WINDOW = (b"", b"", b"t")
_WINDOW_REPORTS = frozenset({11, 13, 14, 15, 16, 18, 19, 20, 21})
_REQUESTS = frozenset({(b"$", b"q"), (b"+", b"q"), (b"+", b"Q")})
"""DECRQSS, XTGETTCAP, XTGETXRES."""

_HEADER = re.compile(rb"[0-?]*([ -/]*)([@-~]?)")
_NUMBER = re.compile(rb"0*([0-9]*)(;?)")
_CONTROLS = re.compile(rb"[\x00-\x17\x19\x1c-\x1f]")
_VALUES = frozenset({4, 5, 50, *range(10, 20)})
"""OSC that ask with `?` in place of a value: palette, special and dynamic colours, font."""

_KITTY_COLOURS, _CLIPBOARD = 21, 52
_ALWAYS = frozenset({60, 61})
"""XTQALLOWED and XTQDISALLOWED."""

_BEGINNINGS = {
    22: (b"?",),  # the pointer's shape
    1337: (b"ReportCellSize", b"ReportVariable", b"Capabilities"),  # iTerm2
}
_WORDS = {99: b"p=?", 5522: b"type=read"}
"""A word, between colons, in the first field: kitty's notifications and its clipboard."""

_MANY = 9
"""Digits that no number has."""


def asks(sequence: bytes) -> bool:
    """Tell whether a CSI sequence is answered; `sequence` is what follows the introducer, with its last byte."""
    parts = _PARTS.fullmatch(_NOT_PRINTABLE.sub(b"", sequence))
    if parts is None:
        return False
    prefix, parameters, intermediates, final = parts.groups()
    key = (prefix, intermediates, final)
    if key == _WINDOW:
        first = re.match(rb"[0-9]{1,8}(?![0-9])", parameters)
        return first is not None and int(first[0]) in _WINDOW_REPORTS
    return key in _ASKING


def string_asks(kind: int, body: bytes, *, is_whole: bool) -> bool | None:
    """Tell whether a control string is answered, from its first bytes or all of them; None while that is undecided.

    `kind` is the byte that follows the escape. What is undecided after MAX_HELD bytes counts as a question.
    """
    is_long = len(body) > MAX_HELD
    if is_long:
        body, is_whole = body[: MAX_HELD + 1], False
    # Terminals read over the controls in a string.
    body = _CONTROLS.sub(b"", body)
    decided: bool | None = False
    if kind == _OSC:
        decided = _osc_asks(body, is_whole)
    elif kind == _DCS:
        decided = _dcs_asks(body, is_whole)
    elif kind == _APC:
        decided = _graphics_asks(body, is_whole)
    return True if decided is None and is_long else decided


def _osc_asks(body: bytes, is_whole: bool) -> bool | None:
    found = _NUMBER.match(body)
    assert found is not None
    digits, semicolon = found.groups()
    if not semicolon and (len(body) > found.end() or not is_whole):
        return None if len(body) == found.end() else False
    number = int(digits or b"0") if len(digits) < _MANY else -1
    fields = body[found.end() :]
    if number in _ALWAYS:
        return True
    if number in _VALUES or number == _KITTY_COLOURS:
        if not is_whole:
            return None
        return any(part.rpartition(b"=")[2] == b"?" for part in fields.split(b";"))
    if number in _BEGINNINGS:
        return _starts(fields, _BEGINNINGS[number], is_whole)
    if number == _CLIPBOARD:
        return _second_asks(fields, is_whole)
    if number in _WORDS:
        first, semicolon, _ = fields.partition(b";")
        return _WORDS[number] in first.split(b":") if semicolon or is_whole else None
    return False


def _second_asks(fields: bytes, is_whole: bool) -> bool | None:
    """Tell whether the second field is a question mark and nothing else, without waiting for all of a clipboard."""
    second = fields.partition(b";")[2]
    return second == b"?" if is_whole or second not in (b"", b"?") else None


def _starts(text: bytes, beginnings: tuple[bytes, ...], is_whole: bool) -> bool | None:
    if text.startswith(beginnings):
        return True
    return None if not is_whole and any(beginning.startswith(text) for beginning in beginnings) else False


def _dcs_asks(body: bytes, is_whole: bool) -> bool | None:
    found = _HEADER.match(body)
    assert found is not None
    if not found[2] and not is_whole and found.end() == len(body):
        return None
    return found.groups() in _REQUESTS


def _graphics_asks(body: bytes, is_whole: bool) -> bool | None:
    if not body.startswith(b"G"):
        return None if not body and not is_whole else False
    control, semicolon, _ = body[1:].partition(b";")
    if not semicolon and not is_whole:
        return None
    return b"a=q" in control.split(b",")
