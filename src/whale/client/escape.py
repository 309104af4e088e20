"""The keys that whale itself listens to: a tilde after a newline, as in ssh.

Pure: bytes in, bytes and actions out. Whatever the pieces they come in, the outcome is the same, and nothing is held
back but a tilde whose meaning the next byte decides.
"""

from enum import Enum

TILDE = ord("~")
NEWLINES = b"\r\n"

HELP = """\
Keys after a newline:
  ~.   end the session, or leave it to others who are in it
  ~d   detach: leave, and let the session go on
  ~v   give the keyboard away and only look on; again to take it
  ~~   send one tilde
  ~?   this text
"""


class EscapeAction(Enum):
    """What the user asked whale for."""

    END = "."
    DETACH = "d"
    ROLE = "v"
    HELP = "?"


Typed = tuple[bytes, tuple[EscapeAction, ...]]
"""What to do with typed bytes: send them, and then act."""

_ACTIONS = {ord(action.value): action for action in EscapeAction}


class EscapeReader:
    """Takes what is typed. The start of the session counts as a newline."""

    def __init__(self) -> None:
        self._after_newline = True
        self._held = False

    def feed(self, data: bytes) -> Typed:
        """Take bytes; return what to send and what was asked for. Nothing is looked at behind what ends the typing."""
        if not data:
            return b"", ()
        if not self._held and TILDE not in data:
            self._after_newline = data[-1] in NEWLINES
            return data, ()
        out = bytearray()
        actions: list[EscapeAction] = []
        for byte in data:
            if self._held:
                self._held = False
                action = _ACTIONS.get(byte)
                if action is not None:
                    actions.append(action)
                    self._after_newline = True
                    if action is not EscapeAction.HELP:
                        break
                    continue
                out.append(TILDE)
                if byte == TILDE:
                    self._after_newline = False
                    continue
            elif byte == TILDE and self._after_newline:
                self._held = True
                continue
            out.append(byte)
            self._after_newline = byte in NEWLINES
        return bytes(out), tuple(actions)

    def finish(self) -> bytes:
        """Return what is still held, at the end of the input."""
        held, self._held = self._held, False
        return b"~" if held else b""
