from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale


@pytest.fixture
def whale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Whale]:
    made = Whale(tmp_path, monkeypatch, capfd)
    yield made
    made.close()
