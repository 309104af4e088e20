"""All ways to say root are one."""

import pytest

from whale.policy.container_user import normal_user


@pytest.mark.parametrize("text", ["", "0", "00", "+0", "-0", "root", "root:root", "root:0", "0:0", ":0", ":root", "0:"])
def test_root_is_root_however_it_is_written(text: str) -> None:
    assert normal_user(text).user == "root"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app", ("app", "")),
        ("1000", ("1000", "")),
        ("01000:+5", ("1000", "5")),
        ("app:0", ("app", "root")),
        ("root:app", ("root", "app")),
        (" 0", (" 0", "")),
        ("0x0", ("0x0", "")),
        ("٠", ("٠", "")),
        ("Root", ("Root", "")),
        ("app:a:b", ("app", "a:b")),
        ("1" * 40, ("1" * 40, "")),
    ],
)
def test_others_keep_their_names(text: str, expected: tuple[str, str]) -> None:
    assert normal_user(text) == expected
