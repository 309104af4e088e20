import runpy

import pytest

from whale.screen import process


def test_is_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "main", lambda: 7)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("whale.screen", run_name="__main__")
    assert ended.value.code == 7
