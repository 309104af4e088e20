from pathlib import Path

from scripts.provision.engine import mounts_below

_MOUNTINFO = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
30 22 254:0 /p/engine/root /p/engine/root rw - ext4 /dev/vda rw
31 30 0:40 / /p/engine/root/overlay2/ab\040c/merged rw - overlay overlay rw
32 22 0:41 / /p/engine-of-others rw - tmpfs tmpfs rw
""".strip()


def test_only_mounts_below_the_directory_are_found_the_deepest_first() -> None:
    assert mounts_below(_MOUNTINFO, Path("/p/engine")) == ["/p/engine/root/overlay2/ab c/merged", "/p/engine/root"]


def test_a_directory_without_mounts_has_none() -> None:
    assert mounts_below(_MOUNTINFO, Path("/q")) == []
