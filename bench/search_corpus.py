"""What people see in terminals, made from seeds: listings, builds, logs, editors. New words come as in real ones."""

import random
from collections.abc import Callable, Iterator
from typing import Final

_SYLLABLES: Final = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "is", "ol")]
_COMMON: Final = 20_000
"""Words that come again and again, the first ones most often; beside them there are names that are new each time."""


def _vocabulary() -> list[str]:
    some = random.Random(0)
    return ["".join(some.choices(_SYLLABLES, k=some.randint(1, 4))) for _ in range(_COMMON)]


_WORDS: Final = _vocabulary()
_WEIGHTS: Final = [1 / (rank + 10) for rank in range(_COMMON)]
_PIECE: Final = 4096


class Corpus:
    """One recording's output, from its seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._pool = self._random.choices(_WORDS, _WEIGHTS, k=_PIECE)
        self._clock = 1_700_000_000 + seed * 977

    def output(self, size: int) -> Iterator[bytes]:
        """Yield about so many bytes of it, screen by screen."""
        kinds: list[Callable[[], str]] = [self._listing, self._build, self._log, self._history, self._editor]
        while size > 0:
            text = self._random.choices(kinds, (4, 3, 6, 2, 1))[0]()
            data = text.replace("\n", "\r\n").encode()
            size -= len(data)
            yield data

    def _word(self) -> str:
        return self._pool[int(self._random.random() * _PIECE)]

    def _name(self) -> str:
        number = self._random.random()
        return f"{self._word()}-{int(number * 1e6)}" if number < 0.1 else f"{self._word()}_{self._word()}"

    def _listing(self) -> str:
        rows = [f"\x1b[01;32mroot@{self._word()}\x1b[00m:\x1b[01;34m~\x1b[00m# ls -la {self._word()}"]
        for _ in range(int(self._random.random() * 300)):
            size, colour = int(self._random.random() ** 4 * 1e7), "01;34" if self._random.random() < 0.1 else "0"
            rows.append(
                f"-rw-r--r--  1 root root {size:>8} Mar {size % 28 + 1:>2} 1{size % 10}:{size % 60:02} "
                f"\x1b[{colour}m{self._name()}.{self._word()[:3]}\x1b[0m"
            )
        return "\n".join(rows) + "\n"

    def _build(self) -> str:
        rows = ["$ make -j4"]
        for number in range(int(self._random.random() * 120)):
            name = f"src/{self._word()}/{self._name()}"
            rows.append(f"[{number:>3}%] Building CXX object {name}.cpp.o")
            if number % 9 == 0:
                rows.append(
                    f"\x1b[1m{name}.cpp:{number * 7}:{number % 80}: \x1b[35mwarning:\x1b[0m unused '{self._word()}'"
                )
        rows.append("".join(f"\rlinking {part}% [{'#' * (part // 4):<25}]" for part in range(0, 101, 5)))
        return "\n".join(rows) + "\n"

    def _log(self) -> str:
        rows = []
        for _ in range(int(self._random.random() * 400)):
            self._clock += 1
            number = self._random.getrandbits(48)
            now = f"2026-03-{self._clock % 28 + 1:02}T1{self._clock % 10}:{self._clock % 60:02}:{number % 60:02}Z"
            rows.append(
                f"{now} "
                f"\x1b[32mINFO\x1b[0m {self._word()}: {self._word()} {self._word()} {self._word()} "
                f"id={number % 100000} "
                f"addr=10.0.{number % 256}.{number % 251} took={number % 1000}ms"
            )
            if number % 50 == 0:
                rows.append(f"trace {number:012x} {self._word()} {self._word()}")
        return "\n".join(rows) + "\n"

    def _history(self) -> str:
        rows = []
        for _ in range(int(self._random.random() * 40)):
            rows += [
                f"\x1b[33mcommit {self._random.getrandbits(160):040x}\x1b[m",
                f"Author: {self._word()} <{self._word()}@example.com>",
            ]
            rows += ["", *(f"    {' '.join(self._word() for _ in range(8))}" for _ in range(3)), ""]
        return "\n".join(rows) + "\n"

    def _editor(self) -> str:
        parts = ["\x1b[?1049h\x1b[H\x1b[2J"]
        for _ in range(int(self._random.random() * 8)):
            for row in range(1, 24):
                parts.append(f"\x1b[{row};1H\x1b[K    \x1b[33m{self._word()}\x1b[0m({self._word()}, ")
                parts.append(f"\x1b[{row};30H{self._word()} {self._word()})")
            parts.append(f"\x1b[24;1H{self._name()}")
        return "".join(parts) + "\x1b[?1049l"
