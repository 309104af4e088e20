"""An engine in memory, for tests and benchmarks: of whale itself, and of programs that use it.

Containers are names, programs are Python functions, and failures happen when they are asked for.
"""

from whale.engine.fake.container import FakeContainer
from whale.engine.fake.engine import FakeEngine
from whale.engine.fake.process import FakeProcess, Program

__all__ = ["FakeContainer", "FakeEngine", "FakeProcess", "Program"]
