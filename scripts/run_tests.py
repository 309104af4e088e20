"""`make test`: everything, from unit to end-to-end, on real engines.

`own` as argument runs the unit tests alone and holds each source file to its own test's coverage. Other arguments go
to pytest. An engine that was started for the run is stopped after it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

from scripts.provision import packages
from scripts.provision.engine import ensure_engine, stop_engine
from scripts.provision.find import find_engine
from scripts.provision.images import ensure_images
from scripts.provision.node import ensure_node_programs
from scripts.provision.paths import CACHE, ROOT
from scripts.provision.say import ProvisionError, say

FUZZ_SECONDS = 5
NO_TESTS_COLLECTED = 5
"""What pytest exits with when it found none."""

_APART = ("tests/unit",)
"""Measured: each source file is held to what its own unit test covers. Measuring takes as long as the tests."""
_BESIDE = ("tests/conformance", "tests/integration", "tests/property", "tests/e2e", "-m", "not timed")
_ALONE = ("tests/e2e", "-m", "timed")
_DATA = CACHE / "coverage"
_RESULTS = CACHE / "results"
"""What became of each test, in files that pytest writes."""


def environment(engine: str | None) -> dict[str, str]:
    """The environment of the tests: the engine, and coverage kept in one place by all processes."""
    chosen = dict(os.environ)
    chosen.pop("PYTHONDONTWRITEBYTECODE", None)
    # Labels per test file need each line's every run, which the faster core of newer Pythons does not report.
    chosen |= {"COVERAGE_CORE": "ctrace", "COVERAGE_FILE": str(_DATA / ".coverage")}
    return chosen if engine is None else chosen | {"DOCKER_HOST": engine}


def run(title: str, command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Run one part, its output shown; tells whether it ended well."""
    return _run(title, command, env) == 0


def _run(title: str, command: Sequence[str], env: Mapping[str, str]) -> int:
    say(f"{title}: {' '.join(command)}")
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=env, check=False).returncode


def run_tests(arguments: Sequence[str], env: Mapping[str, str]) -> bool:
    """Run pytest: first in two processes, because many tests only wait, and then what wants to be alone.

    What is run beside is shown when it is done.
    """
    arguments = ["--durations=10", *arguments]
    say(f"tests: {', '.join(_APART)} run beside the first of the others, and are shown after them")
    with tempfile.TemporaryFile() as shown:
        command = [sys.executable, "-m", *_measured(_APART, [*_noted("apart"), *arguments])]
        beside = subprocess.Popen(command, cwd=ROOT, env=env, stdout=shown, stderr=shown)
        try:
            codes = {_run("tests", ["pytest", *_BESIDE, *_noted("beside"), *arguments], env), beside.wait()}
        finally:
            beside.kill()
            beside.wait()
        shown.seek(0)
        say(f"tests: {', '.join(_APART)}")
        sys.stdout.flush()
        shutil.copyfileobj(shown, sys.stdout.buffer)
        sys.stdout.flush()
    codes.add(_run("tests", ["pytest", *_ALONE, *_noted("alone"), *arguments], env))
    return codes <= {0, NO_TESTS_COLLECTED} if arguments[1:] else codes == {0}  # who selects may select none of one


def _noted(name: str) -> list[str]:
    return [f"--junit-xml={_RESULTS / name}.xml"]


def failures() -> Iterator[str]:
    """Yield a line for each test that failed."""
    for path in sorted(_RESULTS.glob("*.xml")):
        for case in ElementTree.parse(path).iter("testcase"):
            for problem in (*case.findall("failure"), *case.findall("error")):
                said = problem.get("message", "").splitlines() or [""]
                yield f"{case.get('classname')}::{case.get('name')}: {said[0][:200]}"


def _measured(folders: Sequence[str], arguments: Sequence[str]) -> list[str]:
    return ["coverage", "run", "-m", "pytest", "-p", "scripts.pytest_contexts", *folders, *arguments]


def begin_coverage() -> None:
    """Start from no data, and no results."""
    for directory in (_DATA, _RESULTS):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)


def run_own(env: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """Unit tests alone, then each file's coverage by its own test."""
    begin_coverage()
    clean = run("tests", _measured(_APART, ["-q", *arguments]), env)
    return show_own(env) and clean


def show_own(env: Mapping[str, str]) -> bool:
    """Put all coverage data together, and hold each source file to its own test's."""
    combined = run("coverage", ["coverage", "combine", "--quiet"], env)
    return run("own coverage", ["scripts.own_coverage", str(_DATA / ".coverage")], env) and combined


def run_all(env: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """Everything; a part that fails does not keep the next ones from running."""
    parts = [run("fuzz", ["fuzz.run", "--seconds", str(FUZZ_SECONDS)], env)]
    begin_coverage()
    parts.append(run_tests(arguments, env))
    parts.append(show_own(env))
    parts.append(run("coverage", ["coverage", "report"], env))
    return all(parts)


def main(arguments: Sequence[str]) -> int:
    start = time.monotonic()
    if arguments[:1] == ["own"]:
        ensure_node_programs()
        return 0 if run_own(environment(None), arguments[1:]) else 1
    packages.ensure(packages.GROUPS["tests"], why="the tests")
    ensure_node_programs()
    started = find_engine(docker_only=True) is None
    try:
        engine = ensure_engine(docker_only=True)
        ensure_images(engine)
        clean = run_all(environment(engine.host), arguments)
    finally:
        if started:
            stop_engine()
    for line in failures():  # once more: they are far up by now
        say(line)
    say(f"{'everything passed' if clean else 'FAILED, see above'}, in {(time.monotonic() - start) / 60:.1f} minutes")
    return 0 if clean else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProvisionError as error:
        say(str(error))
        sys.exit(1)
