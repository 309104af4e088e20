"""Takes links (OSC 8) out of output, before the emulator sees them.

Its library has room for about a thousand links and twenty thousand linked cells in each piece that it keeps a screen
in, and ends the process where a row moves into a piece that is full: one link over a huge screen does it, and a
thousand of them with a change of size. So there are none in a picture; their text is.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

_IGNORED: Final = bytes({*range(0x20)} - {0x07, 0x18, 0x1A, 0x1B})
"""Control characters that mean nothing within a string."""

_GAP: Final = b"[" + re.escape(_IGNORED) + b"]*"
_LINK: Final = re.compile(rb"[\]\x9d]" + _GAP + b"8" + _GAP + b";")
"""What the beginning of a link looks like. In text it means nothing."""

_STRING: Final = re.compile(rb"\x1b[\x00-\x1f\x7f]*\]|[^\x9d]*\x9d")

_NO_SUCH_STRING: Final = b"9"
"""Instead of the semicolon: there is no string number 89, so that it is taken for one nobody knows, up to its end."""

_PLAIN_LINK: Final = b"\x1b]8;"
_NO_LINK: Final = b"\x1b]8" + _NO_SUCH_STRING
"""Wherever these four bytes are, they begin a link: it need not be asked."""

_ESCAPE: Final = b"\x1b"


class LinkFilter:
    """Output on its way to one emulator, in pieces of any size."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = b""
        """What the output so far ends in, if that may become the beginning of a link."""

    def without_links(self, data: bytes, unfinished: Callable[[], bytes | None]) -> Iterator[bytes]:
        """Yield the output without its links.

        Each piece must have been written when the next one is asked for: `unfinished` tells what the emulator is in
        the midst of by then, or None for what is too long to be told.
        """
        if not self._begun and b"]" not in data and b"\x9d" not in data:
            yield data
            return
        known, data = len(self._begun), self._begun + data.replace(_PLAIN_LINK, _NO_LINK)
        for found in _LINK.finditer(data):
            yield data[known : found.end() - 1]
            known = found.end() - 1
            if _is_link(unfinished()):
                yield _NO_SUCH_STRING
                known += 1
        yield data[known:]
        self._begun = _begun(data)


def _begun(data: bytes) -> bytes:
    """Return what `data` ends in that may go on as a link, without what means nothing."""
    end = data.rstrip(_IGNORED)
    number = end[-1:] if end.endswith(b"8") else b""
    end = end[: len(end) - len(number)].rstrip(_IGNORED)
    return end[-1:] + number if end.endswith((b"]", b"\x9d")) else b""


def _is_link(unfinished: bytes | None) -> bool:
    """Tell whether a semicolon would make a link of this: text that looks like one is left alone."""
    if unfinished is None:
        return True
    # Whatever came before the last escape was ended by it.
    sequence = unfinished[max(0, unfinished.rfind(_ESCAPE)) :]
    begin = _STRING.match(sequence)
    return begin is not None and sequence[begin.end() :].translate(None, _IGNORED) == b"8"
