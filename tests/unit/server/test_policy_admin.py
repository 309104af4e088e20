"""Policies are looked at as the server does, and a set to begin with is right."""

from pathlib import Path

import pytest

from whale.model.errors import ConfigError, UsageError, WhaleError
from whale.server import policy_admin


def test_what_init_writes_is_right(tmp_path: Path) -> None:
    place = tmp_path / "etc" / "policies"
    names = policy_admin.init(place)
    assert sorted(names) == sorted(entry.name for entry in place.iterdir())
    report = policy_admin.check(place)
    assert (report.files, report.problems) == (len(names), [])
    assert report.policies >= len(names)
    with pytest.raises(UsageError, match="policies already"):
        policy_admin.init(place)


def test_what_is_wrong_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("permit(")
    (tmp_path / "b.cedar").write_text("\nforbid(")
    report = policy_admin.check(tmp_path)
    assert [problem.partition(": ")[0] for problem in report.problems] == ["a.cedar:1", "b.cedar:2"]
    assert policy_admin.check(tmp_path / "b.cedar").files == 1
    with pytest.raises(ConfigError, match="can't be read"):
        policy_admin.check(tmp_path / "missing")


def test_a_place_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WhaleError, match="can't be written"):
        policy_admin.init(tmp_path / "file")


def test_the_named_place_counts_before_the_settings(tmp_path: Path) -> None:
    assert policy_admin.directory_of("/a", "/b") == Path("/b")
    assert policy_admin.directory_of("/a", None) == Path("/a")
    with pytest.raises(ConfigError) as missing:
        policy_admin.directory_of("", None)
    assert missing.value.path == "policy.dir"
