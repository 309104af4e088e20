import os
from pathlib import Path

import pytest

from scripts.provision.packages import PROGRAMS, is_debian, missing, os_release, parse_installed


def test_os_release_is_read_without_quotes_and_comments() -> None:
    assert os_release('# a comment\nID=debian\nVERSION_CODENAME="bookworm"\n\n') == {
        "ID": "debian",
        "VERSION_CODENAME": "bookworm",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ID": "debian"}, True),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, True),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, True),
        ({"ID": "fedora"}, False),
        ({"ID": "notdebian", "ID_LIKE": "notdebianeither"}, False),
        ({}, False),
    ],
)
def test_debian_and_what_is_like_it(fields: dict[str, str], expected: bool) -> None:
    assert is_debian(fields) is expected


def test_only_fully_installed_packages_count() -> None:
    listing = "podman installed\ncrun config-files\niproute2 not-installed\nprocps installed\n\n"
    assert parse_installed(listing) == {"podman", "procps"}


def test_a_package_is_not_missing_where_its_program_is_there_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROGRAMS, "whale-no-such-package", "whale-no-such-program")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert missing(["whale-no-such-package"]) == ["whale-no-such-package"]
    (tmp_path / "whale-no-such-program").touch(mode=0o755)
    assert missing(["whale-no-such-package"]) == []
