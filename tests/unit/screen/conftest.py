"""Emulators for the tests of this folder."""

from collections.abc import Iterator

import pytest

from whale.model.terminal import TerminalSize
from whale.screen.emulator import Emulator
from whale.screen.library import Library, load


@pytest.fixture(scope="session")
def library() -> Library:
    found = load()
    assert found.library is not None, found.reason
    return found.library


@pytest.fixture
def emulator(library: Library) -> Iterator[Emulator]:
    """A terminal of 10 by 4."""
    made = Emulator.open(library, TerminalSize(cols=10, rows=4))
    yield made
    made.close()
