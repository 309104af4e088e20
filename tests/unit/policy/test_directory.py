"""Every file of the directory counts, or none."""

import os
from pathlib import Path

import pytest

from whale.model.errors import ConfigError
from whale.policy import directory
from whale.policy.directory import fingerprint, read_directory, read_file


def test_reads_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.cedar", "a.cedar", ".hidden.cedar", "c.cedar~", "README"):
        (tmp_path / name).write_text(name)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "d.cedar").write_text("d")
    (tmp_path / "link.cedar").symlink_to("README")
    assert [(file.name, file.text) for file in read_directory(tmp_path)] == [
        ("a.cedar", "a.cedar"),
        ("b.cedar", "b.cedar"),
        ("link.cedar", "README"),
    ]
    assert [seen.name for seen in fingerprint(tmp_path)] == ["a.cedar", "b.cedar", "link.cedar"]


def test_a_change_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("one")
    seen = [fingerprint(tmp_path)]
    (tmp_path / "a.cedar").write_text("more")
    seen.append(fingerprint(tmp_path))
    (tmp_path / "new").write_text("same")
    os.replace(tmp_path / "new", tmp_path / "a.cedar")
    seen.append(fingerprint(tmp_path))
    (tmp_path / "b.cedar").touch()
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 4
    assert fingerprint(tmp_path) == seen[-1]


def test_what_can_not_be_read_is_no_policy_less(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("a")
    (tmp_path / "gone.cedar").symlink_to("nowhere")
    for look in (fingerprint, read_directory):
        with pytest.raises(ConfigError, match=r"gone\.cedar: can't be read: No such file") as refused:
            look(tmp_path)
        assert refused.value.path == "policy.dir"
        with pytest.raises(ConfigError, match="missing: can't be read: No such file"):
            look(tmp_path / "missing")


def test_what_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("a")
    (tmp_path / "a.cedar").chmod(0o646)
    with pytest.raises(ConfigError, match=r"a\.cedar: can be written by every user"):
        read_directory(tmp_path)
    (tmp_path / "a.cedar").chmod(0o664)
    assert len(read_directory(tmp_path)) == 1
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="can be written by every user"):
        read_directory(tmp_path)


def test_what_is_no_text_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_bytes(b"// one\n\xff")
    with pytest.raises(ConfigError, match=r"a\.cedar:2: is not UTF-8"):
        read_file(tmp_path / "a.cedar")


def test_there_is_a_limit_for_all_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MAX_BYTES", 6)
    (tmp_path / "a.cedar").write_text("1234")
    assert len(read_directory(tmp_path)) == 1
    (tmp_path / "b.cedar").write_text("123")
    with pytest.raises(ConfigError, match=r"b\.cedar: the policies have more than 6 bytes"):
        read_directory(tmp_path)
