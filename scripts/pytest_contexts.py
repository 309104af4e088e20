"""pytest plugin: label each covered line with the test file that covered it (`-p scripts.pytest_contexts`).

Used under `coverage run`; scripts/own_coverage.py reads the labels. Fixtures count for the test that asked for them.
"""

from collections.abc import Generator

import coverage
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    running = coverage.Coverage.current()
    if running is not None:
        running.switch_context(item.nodeid.partition("::")[0])
    result = yield
    if running is not None:
        running.switch_context("")
    return result
