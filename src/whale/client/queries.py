"""Takes the questions out of output that is shown a second time.

Programs ask their terminal things: where the cursor is, what it can do, which colour is which. It answers as if that
were typed. When output is replayed, the program got its answer long ago, or it is gone and the shell would take the
answer for a command. So whatever a terminal answers is taken out here. All else passes byte for byte.

Pure: bytes in, bytes out. Any split gives the same outcome, and nothing is held back but the beginning of a control
sequence while it can still become a question. One that has not decided after `MAX_HELD` bytes is taken out.

Controls of eight bits are known as U+0080 to U+009F in UTF-8, as terminals take them; a byte from 0x80 on alone is part
of a character. ENQ is taken out wherever it is. What sets one colour and asks for another is taken out as a whole.
"""

import re

from whale.client.questions import MAX_HELD, asks, string_asks

_ESCAPE, _C1_LEAD = 0x1B, 0xC2
_CSI, _OSC, _DCS, _APC, _PM, _SOS, _DECID, _ST = b"[]P_^XZ\\"
_CLOSE = b"\x1b\\"
"""Goes where something was taken out behind an unfinished sequence, which else would go on with what comes next."""

_SAFE = re.compile(
    rb"(?:[^\x1b\xc2]++"
    rb"|\xc2[\xa0-\xbf]"
    rb"|\x1b\[[0-9;:]{0,64}+[@-Zabd-mo-su-wyz]"
    rb"|\x1b\[\?[0-9;]{0,64}+[hl]"
    rb"|\x1b[()][0-9A-B])*+"
)
"""What terminals get most of, and what asks nothing. The finals c, n, t and x may; what is long is looked at below."""

_ESCAPE_BODY = re.compile(rb"[\x00-\x17\x19\x1c-/\x7f]*")
"""Intermediate bytes, and controls, which a terminal obeys in the midst of a sequence."""

_INTERMEDIATE = re.compile(rb"[ -/]")
_CSI_BODY = re.compile(rb"[\x00-\x17\x19\x1c-?\x7f]*")
_CSI_END = re.compile(rb"[\x18\x1a\x1b@-~\x80-\xff]")
_STRING_END = re.compile(rb"[\x18\x1a\x1b]|\xc2[\x80-\x9f]")
_OSC_END = re.compile(rb"[\x07\x18\x1a\x1b]|\xc2[\x80-\x9f]")


class QueryFilter:
    """Feed it the output, piece by piece, and take what is left of it."""

    __slots__ = ("_drops", "_end", "_held", "_is_open", "_out")

    def __init__(self) -> None:
        self._held = b""
        self._end: re.Pattern[bytes] | None = None
        """What ends the string that it is in the midst of."""
        self._drops = False
        """True while that string is taken out."""
        self._is_open = False
        """True when what was passed last is an unfinished sequence that the next one breaks off."""
        self._out: list[bytes] = []

    @property
    def is_idle(self) -> bool:
        """True when nothing is unfinished, so that output may go on without it."""
        return not self._held and self._end is None

    @property
    def is_holding(self) -> bool:
        """True when what was fed last has not been shown yet, or never is."""
        return bool(self._held) or self._drops

    def feed(self, data: bytes) -> bytes:
        """Take output; return what of it may be shown by now."""
        if b"\x05" in data:
            data = data.replace(b"\x05", b"")
        if self._held:
            data, self._held = self._held + data, b""
        position = 0
        while position < len(data):
            position = self._string(data, position) if self._end else self._ground(data, position)
        passed = b"".join(self._out)
        self._out.clear()
        return passed

    def finish(self) -> bytes:
        """Return what is held back, at the end of the output."""
        held, self._held = self._held, b""
        return b"" if self._drops else held

    def _ground(self, data: bytes, start: int) -> int:
        """Go on from where no sequence is unfinished; return how far it went. Less than all is held back."""
        safe = _SAFE.match(data, start)
        if safe and safe.end() > start:
            return self._pass(data, start, safe.end())
        at = start + 1 if data[start] == _C1_LEAD else _end_of(_ESCAPE_BODY, data, start + 1)
        if at - start > MAX_HELD:
            # Not worth keeping: without its escape it is text.
            return start + 1
        if at == len(data):
            return self._hold(data, start)
        kind = data[at]
        if data[start] == _C1_LEAD:
            if not 0x80 <= kind < 0xA0:
                # Not a control of eight bits, but a broken character.
                return self._pass(data, start, at, is_open=True)
            kind -= 0x40
        elif _INTERMEDIATE.search(data, start, at):
            is_whole = 0x30 <= kind < 0x7F
            return self._pass(data, start, at + is_whole, is_open=not is_whole)
        return self._sequence(kind, data, start, at)

    def _sequence(self, kind: int, data: bytes, start: int, at: int) -> int:
        """Go on from an escape, or its equivalent, of which `kind` at `at` says what it begins."""
        if kind == _CSI:
            return self._csi(data, start, at + 1)
        if kind in (_OSC, _DCS, _APC, _PM, _SOS):
            return self._begin(kind, data, start, at + 1)
        if kind == _DECID:
            return self._drop(data, start, at + 1)
        is_whole = 0x30 <= kind < 0x7F
        return self._pass(data, start, at + is_whole, is_open=not is_whole)

    def _csi(self, data: bytes, start: int, body: int) -> int:
        end = _end_of(_CSI_BODY, data, body)
        if end - start > MAX_HELD:
            self._drop(b"", 0, 0)
            return self._enter(_CSI_END, end, drops=True)
        if end == len(data):
            return self._hold(data, start)
        is_whole = 0x40 <= data[end] < 0x7F
        if is_whole and asks(data[body : end + 1]):
            return self._drop(data, start, end + 1)
        return self._pass(data, start, end + is_whole, is_open=not is_whole)

    def _begin(self, kind: int, data: bytes, start: int, body: int) -> int:
        """Go on from the beginning of a string."""
        pattern = _OSC_END if kind == _OSC else _STRING_END
        end = pattern.search(data, body)
        # The last byte may be the first of what ends it.
        text = data[body : end.start()] if end else data[body:].removesuffix(b"\xc2")
        decided = string_asks(kind, text, is_whole=end is not None)
        if decided is None:
            return self._hold(data, start)
        if decided:
            self._drop(b"", 0, 0)
        else:
            self._pass(data, start, body)
        return self._enter(pattern, body, drops=decided)

    def _string(self, data: bytes, start: int) -> int:
        """Go on in the midst of a string."""
        assert self._end is not None
        found = self._end.search(data, start)
        end = found.start() if found else len(data)
        if found is None and data.endswith(b"\xc2"):
            end -= 1
        if not self._drops:
            self._pass(data, start, end)
        if found is None:
            return self._hold(data, end) if end < len(data) else end
        if data[end] in (_ESCAPE, _C1_LEAD):
            return self._end_by_sequence(data, end)
        self._end = None
        # A byte of a character ends only what is no string, and does not belong to it.
        after = end + (data[end] < 0x80)
        return after if self._drops_no_more() else self._pass(data, end, after)

    def _end_by_sequence(self, data: bytes, end: int) -> int:
        """End a string at an escape, which may be the first half of its terminator."""
        if not self._drops:
            self._end = None
            self._is_open = True
            return end
        if end + 1 == len(data):
            return self._hold(data, end)
        self._end, self._drops = None, False
        terminator = _ST if data[end] == _ESCAPE else _ST + 0x40
        return end + 2 if data[end + 1] == terminator else end

    def _drops_no_more(self) -> bool:
        before, self._drops = self._drops, False
        return before

    def _enter(self, end: re.Pattern[bytes], position: int, *, drops: bool) -> int:
        self._end, self._drops = end, drops
        return position

    def _pass(self, data: bytes, start: int, end: int, *, is_open: bool = False) -> int:
        if end > start:
            self._out.append(data[start:end])
        self._is_open = is_open
        return end

    def _drop(self, data: bytes, start: int, end: int) -> int:
        """Take out a sequence, but not the controls within it."""
        if self._is_open:
            self._out.append(_CLOSE)
            self._is_open = False
        self._out.append(bytes(byte for byte in data[start:end] if byte < 0x20 and byte != _ESCAPE))
        return end

    def _hold(self, data: bytes, start: int) -> int:
        self._held = data[start:]
        return len(data)


def _end_of(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    found = pattern.match(data, start)
    return found.end() if found else start
