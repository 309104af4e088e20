"""Take samples side by side: A B C, A B C, … so that whatever else the machine does hits all paths alike."""

import sys
import time
from collections.abc import Callable, Mapping

from bench.model import Bar, Samples, pairwise_ratio
from scripts.provision.say import say

_SHOW_EVERY = 5.0


class Progress:
    """Shows how far a benchmark is: over one line on a terminal, now and then a line elsewhere."""

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._total = total
        self._shown = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def at(self, done: int, what: str = "round") -> None:
        """Tell that so many of the whole are done."""
        text = f"{self._name}: {what} {done} of {self._total}"
        if self._terminal:
            end = "\n" if done == self._total else ""
            print(f"\r\x1b[Kwhale: {text}", end=end, file=sys.stderr, flush=True)
        elif time.monotonic() - self._shown >= _SHOW_EVERY or done == self._total:
            self._shown = time.monotonic()
            say(text)


def interleave(
    name: str, paths: Mapping[str, Callable[[], float]], *, rounds: int, warm_up: int = 1
) -> dict[str, Samples]:
    """Call each path once per round, in order, and collect what they return. Warm-up rounds are thrown away."""
    found: dict[str, list[float]] = {path: [] for path in paths}
    progress = Progress(name, rounds)
    for number in range(-warm_up, rounds):
        for path, take in paths.items():
            value = take()
            if number >= 0:
                found[path].append(value)
        if number >= 0:
            progress.at(number + 1)
    return {path: Samples(tuple(values)) for path, values in found.items()}


def ratio_bar(
    what: str, samples: Mapping[str, Samples], against: str, limit: float, *, at_most: bool, ours: str = "whale"
) -> list[Bar]:
    """The bar for `ours` against another path; none where that path was left out."""
    if against not in samples:
        return []
    ratio = pairwise_ratio(samples[ours].values, samples[against].values)
    return [Bar(what, against, ratio, limit, "×", at_most)]
