"""A user whose server the test plays, in this process: a conversation, a pseudo-terminal, real signals."""

import os
import pty
import socket
import termios
from collections.abc import Mapping

from tests.unit.client.scripted import Peer
from whale.client.conversation import Conversation
from whale.client.display import Display
from whale.client.escape import EscapeReader
from whale.client.inlet import Inlet
from whale.client.link import Link
from whale.client.outlet import Outlet
from whale.client.signals import SignalInbox
from whale.client.terminal import RawTerminal
from whale.client.user import LISTENED_RAW, User
from whale.model.exec import ExecSpec, Stream
from whale.model.terminal import TerminalSize
from whale.wire.client import ClientConnection
from whale.wire.handshake import HandshakeParser, encode_handshake, new_key
from whale.wire.messages import Opened

SIZE = TerminalSize(cols=80, rows=24)


class Rig:
    """A user at a terminal, or at pipes, of a session whose server the test plays."""

    def __init__(self, *, raw: bool, outlets: Mapping[Stream, Outlet] | None = None) -> None:
        ours, theirs = socket.socketpair()
        self.peer = Peer(theirs)
        headers = {"Sec-WebSocket-Protocol": "whale.v1"}
        ours.sendall(encode_handshake(host="h", path="/", key=new_key(), headers=headers))
        self.peer.shake()
        parser = HandshakeParser()
        while parser.feed(ours.recv(65536)) is None:
            pass
        self.link = Link(ours)
        connection = ClientConnection()
        self.link.send(connection.open("web", ExecSpec(("cat",), tty=raw, stdin=True)))
        self.peer.receive_open()
        self.conversation = Conversation(self.link, connection, display=Display(outlets or {}), say=print, size=SIZE)
        self.master, self.slave = pty.openpty()
        self.inbox = SignalInbox(LISTENED_RAW)
        self.inbox.__enter__()
        self.terminal = RawTerminal(self.slave) if raw else None
        if self.terminal is not None:
            self.terminal.make_raw()
        self.inlet = Inlet(self.slave, escapes=EscapeReader() if raw else None, read_ahead=raw)
        self.user = User(self.conversation, inbox=self.inbox, inlet=self.inlet, has_tty=raw, terminal=self.terminal)

    def accept(self) -> None:
        self.peer.send(self.peer.wire.send_opened(Opened("s", "c", "n", stdin_window=self.peer.wire.stdin_window)))
        self.conversation.receive()

    def signal(self, number: int) -> None:
        os.kill(os.getpid(), number)
        self.user.read_signals()

    def type(self, data: bytes) -> None:
        os.write(self.master, data)
        self.user.read_input()

    @property
    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def close(self) -> None:
        if self.terminal is not None:
            self.terminal.restore()
        self.inbox.__exit__(None, None, None)
        self.link.close()
        self.peer.sock.close()
        os.close(self.master)
        os.close(self.slave)
