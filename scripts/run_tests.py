"""`make test`: everything, from unit to end-to-end, on real engines, with the coverage of all processes.

`own` as argument runs the unit tests alone and holds each source file to its own test's coverage. Other arguments go
to pytest. An engine that was started for the run is stopped after it.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from scripts.provision import packages
from scripts.provision.engine import ensure_engine, stop_engine
from scripts.provision.find import find_engine
from scripts.provision.images import ensure_images
from scripts.provision.node import ensure_node_programs
from scripts.provision.paths import CACHE, ROOT
from scripts.provision.say import ProvisionError, say

FUZZ_SECONDS = 5
_KINDS = ("unit", "property", "conformance", "integration", "e2e")
_DATA = CACHE / "coverage"


def environment(engine: str | None) -> dict[str, str]:
    """The environment of the tests: the engine, and coverage kept in one place by all processes."""
    chosen = dict(os.environ)
    chosen.pop("PYTHONDONTWRITEBYTECODE", None)
    # Labels per test file need each line's every run, which the faster core of newer Pythons does not report.
    chosen |= {"COVERAGE_CORE": "ctrace", "COVERAGE_FILE": str(_DATA / ".coverage")}
    return chosen if engine is None else chosen | {"DOCKER_HOST": engine}


def run(title: str, command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Run one part, its output shown; tells whether it ended well."""
    say(f"{title}: {' '.join(command)}")
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=env, check=False)
    return done.returncode == 0


def run_pytest(folders: Sequence[str], arguments: Sequence[str], env: Mapping[str, str]) -> bool:
    """Run pytest over the folders under coverage, starting from no data."""
    shutil.rmtree(_DATA, ignore_errors=True)
    _DATA.mkdir(parents=True)
    pytest = ["coverage", "run", "-m", "pytest", "-p", "scripts.pytest_contexts", *folders, *arguments]
    clean = run("tests", pytest, env)
    return run("coverage", ["coverage", "combine", "--quiet"], env) and clean


def run_own(env: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """Unit tests alone, then each file's coverage by its own test."""
    clean = run_pytest(["tests/unit"], ["-q", *arguments], env)
    return run("own coverage", ["scripts.own_coverage", str(_DATA / ".coverage")], env) and clean


def run_all(env: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """Everything; a part that fails does not keep the next ones from running."""
    parts = [run("fuzz", ["fuzz.run", "--seconds", str(FUZZ_SECONDS)], env)]
    folders = [f"tests/{kind}" for kind in _KINDS]
    parts.append(run_pytest(folders, ["--durations=10", *arguments], env))
    parts.append(run("coverage", ["coverage", "report"], env))
    parts.append(run("own coverage", ["scripts.own_coverage", str(_DATA / ".coverage")], env))
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
    say(f"{'everything passed' if clean else 'FAILED, see above'}, in {(time.monotonic() - start) / 60:.1f} minutes")
    return 0 if clean else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProvisionError as error:
        say(str(error))
        sys.exit(1)
