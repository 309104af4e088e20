import json
from pathlib import Path

import pytest

from scripts.provision.node import FOLDERS, is_installed


def test_what_is_installed_is_what_the_lock_file_names(tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}")
    assert not is_installed(tmp_path)
    (tmp_path / "node_modules").mkdir()
    mark = tmp_path / "node_modules" / ".ready"
    mark.write_text("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
    assert is_installed(tmp_path)
    lock.write_text('{"changed": true}')
    assert not is_installed(tmp_path)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_lock_file_names_no_address(name: str) -> None:
    packages = json.loads((FOLDERS[name] / "package-lock.json").read_text())["packages"]
    packages.pop("")
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
