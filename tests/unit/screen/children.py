"""Processes with emulators that do something wrong, for tests of the server's side."""

import sys

MAIN = "from whale.screen.process import main; import sys; sys.exit(main())"


def child(patch: str) -> list[str]:
    """The command of a process in which something was replaced before."""
    return [sys.executable, "-c", f"{patch}\n{MAIN}"]


UNGUARDED = child("""
import whale.screen.emulator as emulator
emulator.LinkFilter.without_links = lambda self, data, unfinished: iter([data])
""")
"""Links come through to the library."""

LINKS = b"\x1b]8;;http://x\x07" + ("漢".encode() + b"\x1b[99999b\x1b[5S\x1b[9M") * 3
"""What the library ends the process at, when it gets it, on a large screen."""

ILL = child("""
import os, signal
import whale.screen.confine as confine
confine.filter_calls = lambda _prctl: None  # signals are refused otherwise
import whale.screen.screen as screen
feed = screen.Screen.feed
def ill(self, data):
    if data.startswith(b"ILL"):
        os.kill(os.getpid(), signal.SIGILL)
    if data.startswith(b"HANG"):
        while True: pass
    if data.startswith(b"STOP"):
        os.kill(os.getpid(), signal.SIGSTOP)
    feed(self, data)
screen.Screen.feed = ill
""")
"""Ends, or stands still, in the midst of a feed."""

LYING = [
    sys.executable,
    "-c",
    """
import socket
from whale.screen.protocol import *
connection, decoder = socket.socket(fileno=0), Decoder.of_server()
connection.sendall(encode(READY, 0, bytes((VERSION,))))
while data := connection.recv(1 << 16):
    for message in decoder.receive(data):
        if message.kind == REPAINT:
            connection.sendall(encode(PAINTED, message.screen + 1, b"another one's"))
        elif message.kind == REPLIES:
            connection.sendall(encode(REPLIED, message.screen, b"rm -rf /\\r"))
        else:
            connection.sendall(encode(DONE, message.screen))
""",
]
"""Gives one screen's picture for another, and replies that are commands."""

ANOTHER_VERSION = child("import whale.screen.process as process; process.VERSION += 1")
WITHOUT_LIBRARY = child("import sys; sys.modules['pyghostty._ffi'] = None")
SILENT = [sys.executable, "-c", "import time; time.sleep(1000)"]
ENDING = [sys.executable, "-c", ""]
