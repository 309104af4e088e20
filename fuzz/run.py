"""Run every fuzz target for a while: `python -m fuzz.run --seconds 5 [--seed N] [--only NAME] [--case N]`.

A target is a module fuzz/fuzz_NAME.py with `SEEDS`, examples to mutate, and `fuzz_one(data)`, which raises nothing but
what it wants reported. Each case follows from the seed and its number alone, so a failure is repeated with
`--seed S --only NAME --case N`; its input is also kept under .cache/fuzz.
"""

import argparse
import importlib
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fuzz.mutate import mutate

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / ".cache" / "fuzz"
CASE_LIMIT = 10.0
"""Seconds one input may take before it counts as a hang."""


class Target(NamedTuple):
    """One parser to be fed."""

    name: str
    seeds: Sequence[bytes]
    fuzz_one: Callable[[bytes], None]


def load_targets(only: str | None) -> list[Target]:
    """Import the targets of this folder; with `only`, that one."""
    targets = []
    for path in sorted(HERE.glob("fuzz_*.py")):
        name = path.stem.removeprefix("fuzz_")
        if only in {None, name}:
            module = importlib.import_module(f"fuzz.{path.stem}")
            targets.append(Target(name, tuple(module.SEEDS), module.fuzz_one))
    return targets


def make_case(target: Target, seed: int, number: int) -> bytes:
    """The input of one case. The first cases are the seeds as they are."""
    if number < len(target.seeds):
        return target.seeds[number]
    return mutate(random.Random(f"{seed}:{target.name}:{number}"), target.seeds)


def run_case(target: Target, seed: int, number: int) -> bool:
    """Feed one case; False, with a report on stderr, if the target raised or took too long."""
    data = make_case(target, seed, number)
    signal.setitimer(signal.ITIMER_REAL, CASE_LIMIT)
    try:
        target.fuzz_one(data)
    except Exception:  # noqa: BLE001 - whatever a target raises is the finding
        signal.setitimer(signal.ITIMER_REAL, 0)
        _report(target, seed, number, data)
        return False
    signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def run_target(target: Target, seed: int, seconds: float) -> bool:
    """Feed cases until the time is over or one fails."""
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end or number < len(target.seeds):
        if not run_case(target, seed, number):
            return False
        number += 1
    print(f"fuzz {target.name}: {number} inputs, nothing found", flush=True)
    return True


def _report(target: Target, seed: int, number: int, data: bytes) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / f"{target.name}-{seed}-{number}.bin"
    kept.write_bytes(data)
    traceback.print_exc()
    repeat = f"python -m fuzz.run --seed {seed} --only {target.name} --case {number}"
    print(f"fuzz {target.name}: FAILED; input kept in {kept}; repeat with: {repeat}", file=sys.stderr)


@contextmanager
def hang_limit() -> Iterator[None]:
    """Have an input that takes longer than CASE_LIMIT raise TimeoutError in its target."""

    def expired(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"one input took more than {CASE_LIMIT:g} s")

    before = signal.signal(signal.SIGALRM, expired)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Feed mutated input to every parser.")
    parser.add_argument("--seconds", type=float, default=5.0, help="time per target")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default=None, help="name of one target")
    parser.add_argument("--case", type=int, default=None, help="repeat one case of one target")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    targets = load_targets(given.only)
    if not targets:
        print(f"fuzz: no target named {given.only!r}" if given.only else "fuzz: no targets", file=sys.stderr)
        return 2
    print(f"fuzz: seed {seed}, {len(targets)} targets, {given.seconds:g} s each", flush=True)
    with hang_limit():
        if given.case is not None:
            clean = [run_case(target, seed, given.case) for target in targets]
        else:
            clean = [run_target(target, seed, given.seconds) for target in targets]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
