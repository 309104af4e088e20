"""What a benchmark found, as values: samples, ratios, bars. Pure: nothing here measures, reads or writes."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class BenchError(Exception):
    """Something could not be measured. The text says what and why; the run goes on and exits 1 in the end."""


class Samples(NamedTuple):
    """All values one path gave in one run, in the unit of their benchmark, in the order they came."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one: what stands in tables."""
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        """The smallest one."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The largest one."""
        return max(self.values)

    def percentile(self, percent: float) -> float:
        """The smallest value that at least `percent` of all values do not exceed."""
        ordered = sorted(self.values)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    def record(self) -> dict[str, float | int]:
        """The form that goes into the JSON."""
        found: dict[str, float | int] = {"count": len(self.values), "min": self.least, "median": self.median}
        if len(self.values) >= 100:
            found["p99"] = self.percentile(99)
        return found | {"max": self.most}


def pairwise_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios of values taken side by side: what slowed both of a pair down cancels out."""
    if len(ours) != len(theirs):
        raise ValueError("values that were taken side by side come in pairs")
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))


class Bar(NamedTuple):
    """A promise and what was measured against it."""

    what: str
    """What is held to the bar, in a few words; with `against` it makes a row of the table."""
    against: str
    """The path it is compared with; empty for a bar that is a plain number."""
    value: float
    limit: float
    unit: str
    """`×` for a ratio, else the unit of both numbers."""
    at_most: bool

    @property
    def met(self) -> bool:
        """True when the value is on the right side of the limit."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def record(self) -> dict[str, Any]:
        """The form that goes into the JSON."""
        return self._asdict() | {"met": self.met}


class Result(NamedTuple):
    """One benchmark's outcome."""

    name: str
    title: str
    unit: str
    """Unit of all samples."""
    samples: Mapping[str, Samples]
    """By path: `whale`, `docker exec`, …; in the order they shall be shown."""
    bars: tuple[Bar, ...] = ()
    facts: Mapping[str, str | int | float] = {}
    """Figures beside the samples that have a name of their own."""

    def record(self) -> dict[str, Any]:
        """The form that goes into the JSON."""
        return {
            "title": self.title,
            "unit": self.unit,
            "samples": {path: samples.record() for path, samples in self.samples.items()},
            "bars": [bar.record() for bar in self.bars],
            "facts": dict(self.facts),
        }


class Failure(NamedTuple):
    """A benchmark that could not be measured."""

    name: str
    reason: str
