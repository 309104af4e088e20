"""What the user wants of a session beside typing: signals, sizes, the keyboard, to leave.

It is told as soon as there is somebody to tell. What matters only in its moment is not told later.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from whale.model.exec import Signal
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire.client import ClientConnection, ClientState

if TYPE_CHECKING:
    from whale.client.inlet import Inlet

_OPEN = ClientState.OPEN


class Wishes:
    """Call `connect` and `disconnect` as connections come and go, and `opened` when the server has answered."""

    def __init__(
        self, connection: ClientConnection, *, size: TerminalSize | None, send: Callable[[bytes], None]
    ) -> None:
        """`send` takes a message that goes before all input; `size` is what the server was told already."""
        self._connection = connection
        self._send = send
        self._is_connected = True
        self._told_size = size
        self._wanted_size = size
        self._signals: list[Signal] = []
        self._is_detaching = False

    @property
    def is_viewer(self) -> bool:
        """True when nothing that is typed goes to the command."""
        return self._connection.role is Role.VIEWER

    @property
    def is_leaving(self) -> bool:
        """True when the user has asked to detach."""
        return self._is_detaching or self._connection.is_leaving

    def signal(self, signal: Signal) -> None:
        """Have a signal sent to the command, as soon as there is one."""
        if not self._is_connected or self._connection.state < _OPEN:
            self._signals.append(signal)
        elif self._connection.state is _OPEN and not self.is_viewer and not self._connection.is_leaving:
            self._send(self._connection.signal(signal))

    def resize(self, size: TerminalSize) -> None:
        """Tell the terminal's size, if it is another one, as soon as there is someone to tell."""
        self._wanted_size = size
        if self.is_viewer or self._connection.is_leaving:
            return
        if self._is_connected and self._connection.state is _OPEN and size != self._told_size:
            self._told_size = size
            self._send(self._connection.resize(size))

    def change_role(self) -> None:
        """Give the keyboard away, or ask for it."""
        if not self._is_connected or self._connection.state is not _OPEN:
            return
        role = Role.CONTROLLER if self.is_viewer else Role.VIEWER
        self._send(self._connection.change_role(role))

    def detach(self) -> None:
        """Leave, and let the session go on; what was typed before goes first."""
        self._is_detaching = True

    def take_detach(self, inlet: "Inlet | None") -> bytes:
        """Return the message that detaches, once, if the user wants to and all that was typed before is on its way."""
        if not self._is_detaching or self._connection.state is not _OPEN:
            return b""
        if inlet is not None and not self.is_viewer and inlet.is_waiting:
            return b""
        self._is_detaching = False
        return self._connection.detach()

    def connect(self) -> None:
        """Note that there is a connection again."""
        self._is_connected = True

    def disconnect(self) -> None:
        """Note that there is no connection to tell anything on."""
        self._is_connected = False

    def take_size(self) -> TerminalSize | None:
        """Return the size that goes with a request for the session."""
        self._told_size = self._wanted_size
        return self._wanted_size

    def opened(self) -> None:
        """Say what could not be said before."""
        if self._connection.is_leaving:
            return
        signals, self._signals = self._signals, []
        for signal in signals:
            self.signal(signal)
        if self._wanted_size is not None:
            self.resize(self._wanted_size)

    def role_changed(self) -> None:
        """Tell the size to a server that has not heard any from a viewer."""
        if self._wanted_size is not None:
            self._told_size = None
            self.resize(self._wanted_size)
