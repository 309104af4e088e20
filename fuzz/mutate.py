"""Change bytes at random, in ways that parsers tend to trip over. Knows no format."""

import random
from collections.abc import Callable, Sequence

_EDGES = (
    0,
    1,
    2,
    3,
    4,
    5,
    0x0A,
    0x0D,
    0x1B,
    0x20,
    0x22,
    0x2C,
    0x7B,
    0x7D,
    0x7E,
    0x7F,
    0x80,
    0x81,
    0x82,
    0x88,
    0xFE,
    0xFF,
)
_LENGTHS = (0, 1, 125, 126, 127, 128, 255, 256, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF, 2**63, 2**64 - 1)
_MAX_SIZE = 1 << 20


def mutate(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Take one of the seeds (or none) and change it up to eight times."""
    data = bytearray(chance.choice(seeds)) if seeds and chance.random() < 0.95 else bytearray()
    for _ in range(chance.randint(1, 8)):
        chance.choice(_CHANGES)(chance, data, seeds)
    return bytes(data[:_MAX_SIZE])


def _place(chance: random.Random, data: bytearray) -> int:
    return chance.randint(0, len(data))


def _piece(chance: random.Random, data: bytes | bytearray) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((1, 1, 2, 4, 8, 32, 256)))


def _flip(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _edge(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(_EDGES)


def _length(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    size = chance.choice((1, 2, 4, 8))
    number = chance.choice(_LENGTHS) & ((1 << 8 * size) - 1)
    at = _place(chance, data)
    data[at : at + size] = number.to_bytes(size, chance.choice(("big", "little")))


def _insert(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    at = _place(chance, data)
    data[at:at] = chance.randbytes(chance.choice((1, 1, 2, 4, 16, 300)))


def _delete(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    start, end = _piece(chance, data)
    del data[start:end]


def _repeat(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    start, end = _piece(chance, data)
    data[end:end] = data[start:end] * chance.choice((1, 1, 2, 50))


def _cut(chance: random.Random, data: bytearray, _seeds: Sequence[bytes]) -> None:
    del data[_place(chance, data) :]


def _splice(chance: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    if seeds:
        other = chance.choice(seeds)
        at = _place(chance, data)
        data[at:at] = other[chance.randint(0, len(other)) :]


_CHANGES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    _flip,
    _edge,
    _length,
    _insert,
    _delete,
    _repeat,
    _cut,
    _splice,
)
