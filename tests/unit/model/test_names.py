"""Names of sessions."""

import pytest

from whale.model.names import MAX_NAME, is_name


@pytest.mark.parametrize("name", ["build", "B-1.x_y", "0", "x" * MAX_NAME])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "ü", "a\n", "x" * (MAX_NAME + 1)])
def test_what_is_none(name: str) -> None:
    assert not is_name(name)
