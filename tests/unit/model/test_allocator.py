"""Freed blocks stay with the process: the next ones of their size need no new pages."""

import os
import resource
import subprocess
import sys

PROGRAM = """
import resource, sys
if sys.argv[1] == "keep":
    from whale.model.allocator import keep_freed_blocks
    keep_freed_blocks()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for _ in range(200):
        read = bytes(64 * 1024)
        message = b"x" + read
        frame = b"head" + message
        del read, message, frame
work()
before = faults()
work()
print(faults() - before)
"""


def faults(how: str) -> int:
    # The coverage tool's own blocks at the end of the heap would keep it from shrinking in both cases.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    made = subprocess.run([sys.executable, "-c", PROGRAM, how], env=env, capture_output=True, check=True, timeout=60)
    return int(made.stdout)


def test_blocks_are_not_mapped_again_and_again() -> None:
    assert resource.getpagesize() == 4096
    assert faults("keep") < 100
    assert faults("leave") > 5 * max(faults("keep"), 100)
