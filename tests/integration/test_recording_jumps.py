"""A long recording is opened at any moment at once: the benchmark's own bars, on a short one.

With WHALE_SOAK=1 it has 8 hours and a GiB.
"""

import os
import subprocess
import sys

import pytest

SIZE = ("--mib", "1024", "--hours", "8") if os.environ.get("WHALE_SOAK") else ("--mib", "24", "--hours", "1")


@pytest.mark.timeout(600)
def test_a_jump_takes_no_time() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.recordings", *SIZE], capture_output=True, text=True, timeout=590, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "a jump: " in done.stderr + done.stdout
