"""A container's log, as it streams in.

The server says at the end how much there was: a stream that stops without it was cut, and that is an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from whale.client.http import Exchange, ask, escape_segment
from whale.client.profile import Profile
from whale.client.remote import remote_error
from whale.model.errors import ProtocolError, TransportError
from whale.model.exec import Stream
from whale.model.limits import KIB
from whale.wire.frames import Channel
from whale.wire.framing import MEDIA_TYPE, FramedReader
from whale.wire.messages import Failure, Status, decode_server_control, decode_status

RECEIVE = 64 * KIB

Piece = tuple[Stream, bytes]


@contextmanager
def open_logs(
    profile: Profile, container: str, *, follow: bool, tail: int | None, reason: str = ""
) -> Iterator[Iterator[Piece]]:
    """Ask for a log; in the block iterate over its pieces. Raises `WhaleError`, from the iteration too."""
    lines = "all" if tail is None else str(tail)
    query = {"follow": str(follow).lower(), "tail": lines} | ({"reason": reason} if reason else {})
    path = f"/1.0/containers/{escape_segment(container)}/logs?{urlencode(query)}"
    with ask(profile, path, accept=MEDIA_TYPE) as exchange:
        if exchange.response.headers.get_content_type() != MEDIA_TYPE:
            raise ProtocolError("the server's answer is no log", hint="its version may not fit: whale version")
        yield _pieces(exchange)


def _pieces(exchange: Exchange) -> Iterator[Piece]:
    reader = FramedReader()
    totals = {Stream.STDOUT: 0, Stream.STDERR: 0}
    while True:
        data = exchange.read(RECEIVE)
        if not data:
            raise TransportError("the log was cut before its end", hint="check the server and the container's engine")
        for frame in reader.feed(data):
            if frame[0] == Channel.STATUS:
                _check_end(decode_status(frame[1:]), totals)
                return
            if frame[0] == Channel.CONTROL:
                _check_control(frame[1:])
            elif frame[0] in totals:
                stream = Stream(frame[0])
                totals[stream] += len(frame) - 1
                yield stream, frame[1:]
            else:
                raise ProtocolError("unknown channel", code="protocol.unknown_channel")


def _check_end(end: Status, totals: dict[Stream, int]) -> None:
    if end.status.is_lost:
        raise remote_error(end.status.reason, end.message or f"the log broke off ({end.status.reason})")
    if (end.stdout, end.stderr) != (totals[Stream.STDOUT], totals[Stream.STDERR]):
        raise ProtocolError("the log is not whole", code="protocol.flow")


def _check_control(payload: bytes) -> None:
    control = decode_server_control(payload)
    if isinstance(control, Failure):
        raise remote_error(control.code, control.message, control.hint)
