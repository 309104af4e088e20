"""Hypothesis profiles: a short one for every run, a deep one with WHALE_TEST_PROFILE=deep (add --timeout=0)."""

import os

from hypothesis import HealthCheck, settings

SLOW_MACHINE = [HealthCheck.too_slow]

settings.register_profile("short", max_examples=100, deadline=None, suppress_health_check=SLOW_MACHINE)
settings.register_profile(
    "deep", max_examples=1000, stateful_step_count=100, deadline=None, suppress_health_check=SLOW_MACHINE
)
settings.load_profile(os.environ.get("WHALE_TEST_PROFILE", "short"))
