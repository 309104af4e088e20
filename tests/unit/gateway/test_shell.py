"""The WebSocket door, over real sockets, against the fake engine."""

import asyncio
import contextlib
import hashlib
import os

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.door import Door
from tests.wire_client import DEADLINE, WireClient, connected, run
from whale.engine.fake import FakeEngine, FakeProcess
from whale.gateway import sender, shell
from whale.gateway.websocket import WebSocket
from whale.model.errors import EngineError
from whale.model.exec import ExecSpec, Signal, Stream
from whale.model.limits import MAX_MESSAGE, MAX_PIECE, WINDOW_PIPE
from whale.model.terminal import TerminalSize
from whale.session.session import Session
from whale.wire import messages, requests
from whale.wire.attach_header import ATTACH_HEADER, TAKEN, encode_attach_header
from whale.wire.frames import SUBPROTOCOL

SIZE = TerminalSize(cols=100, rows=30)
SHELL = ExecSpec(tty=True, stdin=True, size=SIZE)


async def until_idle(engine: FakeEngine) -> None:
    """Wait until nothing runs in the engine."""
    async with asyncio.timeout(DEADLINE):
        while engine.running:
            await asyncio.sleep(0.01)


async def test_runs_a_command_and_reports_its_status(door: Door) -> None:
    client = await run(door, "web", ExecSpec(command=("sh", "-c", "exit 7")))
    assert client.status is not None
    assert client.status.status.code == 7
    assert client.close_code == 1000


async def test_input_comes_back_whole_and_apart_from_stderr(door: Door, engine: FakeEngine) -> None:
    async def both(process: FakeProcess) -> int:
        while data := await process.read():
            await process.write(data)
            await process.write(b"e", Stream.STDERR)
        return 3

    engine.add_program("both", both)
    data = os.urandom(5 * 1024 * 1024)
    client = await run(door, "web", ExecSpec(command=("both",), stdin=True), data)
    assert hashlib.sha256(client.stdout).digest() == hashlib.sha256(data).digest()
    assert set(client.stderr) == {ord("e")}
    assert client.status is not None
    assert client.status.status.code == 3
    assert client.status.stdout == len(data)


async def test_a_shell_has_its_size_and_follows_it(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL)
        await client.write(b"stty size\n")
        await client.read_until(b"30 100")
        await client.resize(TerminalSize(cols=90, rows=20))
        while b"20 90" not in client.stdout:
            await client.write(b"stty size\n")
            await client.step()
        await client.write(b"exit 4\n")
        await client.finish()
        assert client.status is not None
        assert client.status.status.code == 4


async def test_passes_signals_on(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("sleep", "100")))
        await client.signal(Signal.TERM)
        await client.finish()
        assert client.status is not None
        assert client.status.status.code == 128 + 15


async def test_a_start_that_fails_is_an_error_with_its_code(door: Door) -> None:
    client = await run(door, "web", ExecSpec(command=("nope",)))
    assert client.failure is not None
    assert client.failure.code == "exec.not_found"
    assert client.close_code == 4422
    assert client.stdout == b""


async def test_suggests_a_name_that_is_nearly_right(door: Door) -> None:
    client = await run(door, "weeb", ExecSpec(command=("true",)))
    assert client.failure is not None
    assert client.failure.code == "target.not_found"
    assert "web" in client.failure.hint
    assert client.close_code == 4404


async def test_what_the_engine_says_stays_inside(door: Door, engine: FakeEngine) -> None:
    engine.fail_next_start(EngineError("the engine refused", detail="/var/lib/secret"))
    client = await run(door, "web", ExecSpec(command=("true",)))
    assert client.failure == messages.Failure("engine.failed", "the engine refused", "")


async def test_a_client_that_leaves_leaves_no_process(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("sleep", "100")))
        assert engine.running == 1
    await until_idle(engine)
    async with asyncio.timeout(DEADLINE):
        await door.registry.wait_empty()


async def test_a_client_that_is_cut_off_leaves_no_process(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL)
        client.transport.transport.abort()
        await until_idle(engine)


async def test_a_stream_that_was_cut_is_lost_and_not_zero(door: Door, engine: FakeEngine) -> None:
    engine.cut_next_stream(after=10)
    client = await run(door, "web", ExecSpec(command=("random", "100", "1")))
    assert client.status is not None
    assert client.status.status.code is None
    assert client.status.status.reason


async def test_slow_reading_pauses_the_command_and_bounds_the_log(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("yes",)))
        session = door.registry.sessions()[0]
        async with asyncio.timeout(DEADLINE):
            while not session.logs[Stream.STDOUT].is_full:
                await asyncio.sleep(0.01)
        size = session.logs[Stream.STDOUT].end
        await asyncio.sleep(0.1)
        assert session.logs[Stream.STDOUT].end - size <= 256 * 1024
        assert size <= WINDOW_PIPE + 512 * 1024
        while len(client.stdout) < 3 * WINDOW_PIPE:
            await client.step()
    await until_idle(engine)


async def test_stderr_passes_a_stalled_stdout(door: Door, engine: FakeEngine) -> None:
    async def flood(process: FakeProcess) -> int:
        process.emit(b"x" * MAX_PIECE)
        process.emit(b"alarm\n", Stream.STDERR)
        await process.read()
        return 0

    engine.add_program("flood", flood)
    async with connected(door) as client:
        # A window of 0 for stdout: nothing of it may be sent before it is acknowledged, which never happens.
        request = requests.Open("web", ExecSpec(command=("flood",), stdin=True), stdout_window=0, stderr_window=1000)
        client.wire.open("web", ExecSpec(command=("flood",), stdin=True))
        await client.transport.send(requests.encode_open(request))
        while b"alarm" not in client.stderr:
            await client.step()
        assert client.stdout == b""


async def test_a_stopping_server_says_so_and_the_session_is_lost(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL)
        door.registry.stop_accepting(message="the server stops")
        while not client.notices:
            await client.step()
        assert client.notices[0].code == "server.stopping"
        door.registry.end_all()
        await client.finish()
        assert client.status is not None
        assert client.status.status == (None, "server.stopping")


# -- bad input ------------------------------------------------------------------------------------------------------


async def failure_of(client: WireClient) -> str:
    """Wait for the error and the close, and return the error's code."""
    while client.failure is None:
        await client.step()
    async with asyncio.timeout(DEADLINE):
        await client.transport.wait_closed()
    return client.failure.code


BAD_FIRST = {
    b"": ("protocol.violation", 4400),
    b"\x00input": ("protocol.violation", 4400),
    b"\x05{": ("protocol.violation", 4400),
    b'\x05{"type":"open"}': ("protocol.violation", 4400),
    b"\x09x": ("protocol.unknown_channel", 4400),
    b"\x05" + b" " * 70_000: ("protocol.too_big", 1009),
}


@pytest.mark.parametrize(("message", "expected"), BAD_FIRST.items())
async def test_breaking_the_rules_is_answered_and_closed(
    door: Door, engine: FakeEngine, message: bytes, expected: tuple[str, int]
) -> None:
    async with connected(door) as client:
        client.wire.open("web", SHELL)
        await client.transport.send(message)
        assert (await failure_of(client), client.close_code) == expected
    assert engine.running == 0
    after = await run(door, "web", ExecSpec(command=("true",)))
    assert after.status is not None


async def test_a_text_message_is_refused(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL)
        await client.transport.send("text")
        assert await failure_of(client) == "protocol.text_frame"
    await until_idle(engine)


async def test_breaking_the_rules_within_a_session_ends_it(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL)
        await client.transport.send(b"\x04not json")
        assert await failure_of(client) == "protocol.violation"
    await until_idle(engine)


async def test_an_oversized_message_is_closed(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL)
        with contextlib.suppress(ConnectionClosed):
            await client.transport.send(b"\x00" + b"x" * (MAX_MESSAGE + 100))
        async with asyncio.timeout(DEADLINE):
            await client.transport.wait_closed()
        assert client.close_code == 1009
    await until_idle(engine)


async def test_who_says_nothing_after_the_handshake_is_closed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "HANDSHAKE_TIMEOUT", 0.1)
    async with connected(door) as client:
        client.wire.open("web", SHELL)
        assert await failure_of(client) == "protocol.timeout"
        assert client.close_code == 4408


async def test_who_never_confirms_the_status_is_closed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "DELIVERY_TIMEOUT", 0.1)
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("true",)))
        while client.status is None:
            await client.step()
        async with asyncio.timeout(DEADLINE):
            await client.transport.wait_closed()
        assert client.close_code == 4408


@pytest.mark.parametrize("subprotocols", [None, ["v5.channel.k8s.io"]])
async def test_needs_the_subprotocol(door: Door, subprotocols: list[str] | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            f"ws://127.0.0.1:{door.port}/1.0/shell",
            subprotocols=subprotocols,  # type: ignore[arg-type]
            additional_headers=door.headers,
        )
    assert refused.value.response.status_code == 400
    assert b"protocol.version" in refused.value.response.body


async def test_no_more_sessions_than_the_limit(engine: FakeEngine, door: Door) -> None:
    door.registry._max_sessions = 1
    async with connected(door) as first, connected(door) as second:
        await first.open("web", SHELL)
        await second.open("web", SHELL)
        assert second.failure is not None
        assert second.failure.code == "session.limit"


# -- coming back ---------------------------------------------------------------------------------------------------

ATTACHMENT = "5f" * 16


async def lost(client: WireClient) -> None:
    client.transport.transport.abort()
    await client.transport.wait_closed()


async def test_a_client_comes_back_and_nothing_is_missing_or_twice(door: Door, engine: FakeEngine) -> None:
    data = os.urandom(400_000)
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("cat",), stdin=True), attachment=ATTACHMENT)
        await client.write(data[:200_000])
        await lost(client)
    assert engine.running == 1
    async with connected(door, going_on_with=client) as again:
        await again.attach()
        await again.write(data[200_000:])
        await again.end_stdin()
        await again.finish()
        assert again.stdout == data
        assert again.status is not None
        assert again.status.status.code == 0
        assert again.close_code == 1000


async def test_a_client_comes_back_in_one_flight(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("cat",), stdin=True), attachment=ATTACHMENT)
        await client.write(b"before ")
        await lost(client)
    header = {ATTACH_HEADER: encode_attach_header(client.wire.attach())}
    async with connected(door, going_on_with=client, headers=header) as again:
        assert again.transport.response is not None
        assert again.transport.response.headers[ATTACH_HEADER] == TAKEN
        while again.opened is None:
            await again.step()  # and nothing was sent for it
        await again.write(b"after")
        await again.end_stdin()
        await again.finish()
        assert again.stdout == b"before after"


async def test_what_is_asked_for_in_the_handshake_is_asked_for(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("cat",), stdin=True), attachment=ATTACHMENT)
        await lost(client)
    header = {ATTACH_HEADER: encode_attach_header(client.wire.attach())}
    async with connected(door, going_on_with=client, headers=header) as again:
        await again.transport.send(client.wire.attach())
        again.opened = None
        while again.failure is None:
            await again.step()
        assert again.failure.code == "protocol.violation"


async def test_a_session_that_is_gone_is_said_on_the_open_connection(door: Door) -> None:
    gone = requests.Attach(ATTACHMENT, requests.Progress(), requests.Progress(), 1, 1)
    async with connected(door, headers={ATTACH_HEADER: encode_attach_header(requests.encode_attach(gone))}) as client:
        assert await failure_of(client) == "session.gone"
        assert client.close_code == 4410


OPEN = requests.encode_open(requests.Open("web", SHELL, 1, 1))
BAD = requests.encode_attach(requests.Attach("0", requests.Progress(), requests.Progress(), 1, 1))
GOOD = requests.encode_attach(requests.Attach(ATTACHMENT, requests.Progress(), requests.Progress(), 1, 1))


@pytest.mark.parametrize(
    "values",
    [["!"], [""], [encode_attach_header(OPEN)], [encode_attach_header(BAD)], [encode_attach_header(GOOD)] * 2],
)
async def test_a_header_that_is_no_attach_is_refused_after_the_credential(door: Door, values: list[str]) -> None:
    headers = [(ATTACH_HEADER, value) for value in values]
    async with ClientSession() as http:
        async with http.get(f"{door.url}/1.0/shell", headers=headers) as stranger:
            assert stranger.status == 401
        async with http.get(f"{door.url}/1.0/shell", headers=[*headers, *door.headers.items()]) as response:
            assert response.status == 400
            assert (await response.json())["error"]["code"] == "protocol.violation"
    assert len(door.registry) == 0


async def test_what_comes_late_on_the_former_connection_is_not_input_any_more(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent again on the next one. A former connection that is full says nothing, and closes later."""
    full: list[WebSocket] = []
    typed = bytearray()

    async def drain(self: WebSocket) -> None:
        await self._ended.wait()

    async def listen(process: FakeProcess) -> int:
        while data := await process.read():
            if data == b"fill":
                full.extend(sockets)
            process.emit(b"heard")
            typed.extend(data)
        return 0

    sockets: list[WebSocket] = []
    real = WebSocket._begin

    def begin(self: WebSocket) -> None:
        sockets.append(self)
        real(self)

    monkeypatch.setattr(WebSocket, "_begin", begin)
    monkeypatch.setattr(WebSocket, "is_congested", property(lambda self: self in full))
    monkeypatch.setattr(WebSocket, "drain", drain)
    engine.add_program("listen", listen)
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("listen",), stdin=True), attachment=ATTACHMENT)
        await client.write(b"fill")
        async with asyncio.timeout(DEADLINE):
            while not typed:
                await asyncio.sleep(0.01)
        try:
            async with connected(door, going_on_with=client) as again:
                await again.attach()
                await client.transport.send(b"\x00late")
                await asyncio.sleep(0.1)  # so that it is there first
                await again.write(b"once")
                await again.end_stdin()
                await again.finish()
                assert typed == b"fillonce"
        finally:
            client.transport.transport.abort()


async def test_a_client_that_was_never_answered_asks_again_and_gets_the_same(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.transport.send(client.wire.open("web", SHELL, attachment=ATTACHMENT))
        async with asyncio.timeout(DEADLINE):
            while not engine.running:
                await asyncio.sleep(0.01)
        await lost(client)
    async with connected(door, going_on_with=client) as again:
        await again.attach()
        assert door.registry.totals.opened == 1
        await again.write(b"exit 5\n")
        await again.finish()
        assert again.status is not None
        assert again.status.status.code == 5


async def test_the_former_connection_is_told_and_closed(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=ATTACHMENT)
        async with connected(door, going_on_with=client) as again:
            await again.attach()
            said = b""
            async with asyncio.timeout(DEADLINE):
                while b"session.superseded" not in said:  # after a prompt, perhaps
                    said = await client.transport.recv(decode=False)
            await client.transport.wait_closed()
            assert client.close_code == 4409
            await again.write(b"exit\n")
            await again.finish()
            assert again.status is not None


async def test_a_status_that_was_lost_is_sent_again(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("sh", "-c", "exit 9")), attachment=ATTACHMENT)
        await until_idle(engine)
        await lost(client)
    async with connected(door, going_on_with=client) as again:
        await again.attach()
        await again.finish()
        assert again.status is not None
        assert again.status.status.code == 9
    async with asyncio.timeout(DEADLINE):
        await door.registry.wait_empty()


async def test_who_knows_how_it_ended_is_not_waited_for(door: Door) -> None:
    async with connected(door) as client:
        await client.open("web", ExecSpec(command=("true",)), attachment=ATTACHMENT)
        while client.status is None:
            await client.step()
        client.transport.transport.pause_reading()  # so that nobody answers the close
        await client.transport.send(client.wire.acknowledge_status())
        await asyncio.sleep(0.2)  # the word must not be overtaken by what follows
        client.transport.transport.abort()
        async with asyncio.timeout(DEADLINE):
            await door.registry.wait_empty()


async def test_a_close_is_a_word_and_ends_a_kept_session_too(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=ATTACHMENT)
    await until_idle(engine)
    async with connected(door, going_on_with=client) as again:
        await again.attach()
        assert await failure_of(again) == "session.gone"
        assert again.close_code == 4410


@pytest.mark.parametrize("closes", [True, False])
async def test_who_leaves_for_good_before_the_answer_leaves_nothing(
    door: Door, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    async def never(_session: Session) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Session, "wait_started", never)
    async with connected(door) as client:
        await client.transport.send(client.wire.open("web", SHELL, attachment=ATTACHMENT))
        async with asyncio.timeout(DEADLINE):
            while not engine.running:
                await asyncio.sleep(0.01)
        if closes:
            await client.transport.close()
        else:
            await lost(client)
    if closes:
        await until_idle(engine)
        async with asyncio.timeout(DEADLINE):
            await door.registry.wait_empty()
    else:
        await asyncio.sleep(0.5)  # longer than it takes to end one
        assert engine.running == 1, "it waits for its client"


async def test_who_broke_the_rules_does_not_come_back(door: Door, engine: FakeEngine) -> None:
    async with connected(door) as client:
        await client.open("web", SHELL, attachment=ATTACHMENT)
        await client.transport.send(b"\x04not json")
        await lost(client)
    await until_idle(engine)


def test_the_subprotocol_is_the_documented_one() -> None:
    assert SUBPROTOCOL == "whale.v1"
