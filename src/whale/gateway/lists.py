"""Lists of what may be thousands, on their way out, in between what others are waiting for."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from whale.gateway.errors import JSON_HEADERS
from whale.model.limits import KIB
from whale.model.turns import Turns

T = TypeVar("T")

_PIECE: Final = 16 * KIB
"""Bytes that are sent at once."""


async def list_response(name: str, found: Iterable[T], body: Callable[[T], object], **rest: object) -> web.Response:
    """Make the JSON object that has the list by its name, and the `rest` behind it."""
    turns, pieces, size = Turns(), list[bytes](), 0
    part, mark = [msgspec.json.encode({name: []})[:-2]], b""
    for each in found:
        await turns.give()
        part += (mark, msgspec.json.encode(body(each)))
        mark, size = b",", size + len(part[-1])
        if size >= _PIECE:
            pieces.append(b"".join(part))
            part, size = [], 0
    part.append(b"]" + (b"," + msgspec.json.encode(rest)[1:] if rest else b"}"))
    pieces.append(b"".join(part))
    await turns.give()
    return web.Response(body=_Pieces(pieces), headers=JSON_HEADERS)


class _Pieces(Payload):
    """A body that is sent piece by piece."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(pieces, content_type="application/json")
        self._pieces = pieces
        self._size = sum(map(len, pieces))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the whole."""
        return b"".join(self._pieces).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it."""
        turns = Turns()
        for piece in self._pieces:
            await turns.give()
            await writer.write(piece)
