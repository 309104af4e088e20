"""A client for tests that models the protocol: it keeps every byte and checks every count.

Its transport is the `websockets` library, so that whale's own codec is not tested against itself.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection as Transport
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.door import Door
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.limits import MAX_MESSAGE, MAX_PAYLOAD
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.wire.client import ClientConnection
from whale.wire.events import (
    ApprovalAwaited,
    DetachConfirmed,
    FailureReceived,
    GapReceived,
    NoticeReceived,
    OutputReceived,
    RoleChanged,
    ScreenReceived,
    SessionOpened,
    SessionResumed,
    StatusReceived,
    StdinAcked,
    Violated,
)
from whale.wire.frames import SUBPROTOCOL
from whale.wire.messages import Failure, Notice, Opened, Status

DEADLINE = 20.0
ESTABLISHED = 1
"""Linux's number for a TCP connection that stands."""


class WireClient:
    """One session. `receives` may be False to play a client that never reads."""

    def __init__(self, transport: Transport, *, going_on_with: "WireClient | None" = None) -> None:
        former = going_on_with
        self.transport = transport
        self.wire: ClientConnection = former.wire if former else ClientConnection()
        self.output: dict[Stream, bytearray] = (
            former.output if former else {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
        )
        self.opened: Opened | None = None
        self.status: Status | None = None
        self.failure: Failure | None = None
        self.notices: list[Notice] = []
        self.screen = b""
        self.screen_at = 0
        """How much output came before it."""
        self.missed = 0
        self.role: Role | None = None
        self.detached: int | None = None
        self.awaited: ApprovalAwaited | None = None

    @property
    def stdout(self) -> bytes:
        return bytes(self.output[Stream.STDOUT])

    @property
    def stderr(self) -> bytes:
        return bytes(self.output[Stream.STDERR])

    @property
    def close_code(self) -> int | None:
        return self.transport.close_code

    @property
    def is_connected(self) -> bool:
        """What the kernel says, also of a connection that nobody reads."""
        end: socket.socket = self.transport.transport.get_extra_info("socket")
        return end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED

    async def open(self, container: str, spec: ExecSpec, *, attachment: str = "", reason: str = "") -> None:
        """Ask, and wait for the answer; `opened` or `failure` is set then, and before it perhaps `awaited`."""
        await self._ask(self.wire.open(container, spec, attachment=attachment, reason=reason))

    async def join(self, session: str, *, role: Role = Role.CONTROLLER, attachment: str = "0" * 32) -> None:
        """Ask for a place in a session, and wait for the answer."""
        size = TerminalSize(cols=80, rows=24)
        await self._ask(self.wire.join(session, role=role, attachment=attachment, tty=True, stdin=True, size=size))

    async def detach(self) -> None:
        """Leave the session to itself, and wait for the answer and the close."""
        await self.transport.send(self.wire.detach())
        while self.detached is None:
            await self.step()
        async with asyncio.timeout(DEADLINE):
            await self.transport.wait_closed()

    async def change_role(self, role: Role) -> None:
        """Ask to be something else, and wait for the answer."""
        self.role = None
        await self.transport.send(self.wire.change_role(role))
        while self.role is None:
            await self.step()

    async def attach(self, *, screen: bool = False) -> None:
        """Go on with the session of another client."""
        await self._ask(self.wire.attach(screen=screen))

    async def _ask(self, request: bytes) -> None:
        await self.transport.send(request)
        while self.opened is None and self.failure is None:
            await self.step()

    async def step(self) -> None:
        """Take one message."""
        async with asyncio.timeout(DEADLINE):
            message = await self.transport.recv()
        assert isinstance(message, bytes)
        event = self.wire.receive_message(message)
        match event:
            case SessionOpened(answer):
                self.opened = answer
            case SessionResumed(answer, resend, missed):
                assert not any(missed.values())
                self.opened = answer
                for message in resend:
                    await self.transport.send(message)
            case OutputReceived(stream, data):
                self.output[stream] += data
                ack = self.wire.consumed(stream, len(data))
                if ack is not None:
                    await self.transport.send(ack)
            case StatusReceived(ended):
                self.status = ended
            case FailureReceived(failure):
                self.failure = failure
            case NoticeReceived(notice):
                self.notices.append(notice)
            case ScreenReceived(data):
                self.screen += data
                self.screen_at = len(self.stdout)
            case GapReceived(missed, ack):
                self.missed += sum(missed.values())
                await self.transport.send(ack)
            case RoleChanged(role, _):
                self.role = role
            case ApprovalAwaited():
                self.awaited = event
            case DetachConfirmed(keep):
                self.detached = keep
            case StdinAcked() | None:
                pass
            case Violated(error):
                raise error

    async def write(self, data: bytes) -> None:
        """Send input, taking messages whenever the credit is used up."""
        start = 0
        while start < len(data):
            size = min(self.wire.stdin.credit, MAX_PAYLOAD, len(data) - start)
            if size <= 0:
                await self.step()
                continue
            await self.transport.send(self.wire.send_stdin(data[start : start + size]))
            start += size

    async def end_stdin(self) -> None:
        await self.transport.send(self.wire.end_stdin())

    async def resize(self, size: TerminalSize) -> None:
        await self.transport.send(self.wire.resize(size))

    async def signal(self, signal: Signal) -> None:
        await self.transport.send(self.wire.signal(signal))

    async def read_until(self, text: bytes, stream: Stream = Stream.STDOUT) -> None:
        """Take messages until the text is in the output."""
        while text not in self.output[stream]:
            assert self.status is None, (self.status, bytes(self.output[stream]))
            assert self.failure is None, self.failure
            await self.step()

    async def finish(self) -> None:
        """Take messages until the session is over, confirm, and wait for the close."""
        while self.status is None and self.failure is None:
            await self.step()
        if self.status is not None:
            await self.transport.send(self.wire.acknowledge_status())
        async with asyncio.timeout(DEADLINE):
            await self.transport.wait_closed()


@asynccontextmanager
async def connected(
    door: Door,
    *,
    token: str = "",
    going_on_with: WireClient | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[WireClient]:
    """Connect to a door; the connection is closed at the end."""
    async with connect(
        f"ws://127.0.0.1:{door.port}/1.0/shell",
        subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of theirs
        additional_headers={"Authorization": f"Bearer {token or door.token}", **(headers or {})},
        compression=None,
        max_size=MAX_MESSAGE,
        open_timeout=DEADLINE,
        close_timeout=1.0,
    ) as transport:
        yield WireClient(transport, going_on_with=going_on_with)


async def run(door: Door, container: str, spec: ExecSpec, data: bytes = b"") -> WireClient:
    """Run one command to its end, with input if it takes any."""
    async with connected(door) as client:
        await client.open(container, spec)
        try:
            if client.opened is not None:
                if spec.stdin:
                    await client.write(data)
                    await client.end_stdin()
                await client.finish()
        except ConnectionClosed:
            assert client.failure is not None or client.status is not None
        return client
