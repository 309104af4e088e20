"""Hypothesis profiles: a short one for every run, a deep one with WHALE_TEST_PROFILE=deep (add --timeout=0).

And PostgreSQL, which is started for whoever asks for it first.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

SLOW_MACHINE = [HealthCheck.too_slow]

settings.register_profile("short", max_examples=100, deadline=None, suppress_health_check=SLOW_MACHINE)
settings.register_profile(
    "deep", max_examples=1000, stateful_step_count=100, deadline=None, suppress_health_check=SLOW_MACHINE
)
settings.load_profile(os.environ.get("WHALE_TEST_PROFILE", "short"))


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """One PostgreSQL for all tests that need one."""
    from tests.postgres import running_postgres  # what it imports takes a while

    with running_postgres() as server:
        yield server
