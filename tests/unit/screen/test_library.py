import subprocess
import sys
from collections.abc import Iterator

import pytest

from whale.screen import library as module
from whale.screen.library import Library, LibraryError, is_installed, load


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    load.cache_clear()
    yield
    load.cache_clear()


def test_the_library_is_there() -> None:
    found = load()
    assert found.library is not None
    assert found.reason == ""


def test_whether_it_is_installed_is_known_without_loading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_installed()
    assert load.cache_info().currsize == 0
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not is_installed()


def test_a_machine_without_the_package_gets_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyghostty._ffi", None)
    found = load()
    assert found.library is None
    assert "not installed" in found.reason


def test_a_machine_that_cannot_load_it_gets_a_reason() -> None:
    program = "from whale.screen.library import load; print(load())"
    environment = {"PYGHOSTTY_LIB": "/nowhere/libghostty-vt.so"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert "library=None" in done.stdout
    assert "cannot be loaded on this machine" in done.stdout


def test_another_version_is_told_from_the_one_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEEDED", ("ghostty_terminal_new", "ghostty_from_the_future"))
    assert load() == (None, "this version of libghostty-vt lacks ghostty_from_the_future")


def test_structures_know_their_sizes_inside_too(library: Library) -> None:
    options = library.sized("GhosttyFormatterTerminalOptions")
    assert options.size == library.ffi.sizeof("GhosttyFormatterTerminalOptions")
    assert options.extra.screen.size == library.ffi.sizeof("GhosttyFormatterScreenExtra")


def test_a_refusal_is_an_error(library: Library) -> None:
    library.check(library.lib.GHOSTTY_SUCCESS, "fine")
    with pytest.raises(LibraryError, match="new: -2"):
        library.check(library.lib.GHOSTTY_INVALID_VALUE, "new")
