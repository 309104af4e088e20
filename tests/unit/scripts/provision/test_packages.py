import pytest

from scripts.provision.packages import is_debian, os_release, parse_installed


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
