import io
import tarfile

from scripts.provision.rootfs import busybox_tar, is_static, tar_of


def test_the_same_content_gives_the_same_bytes() -> None:
    one = tar_of({"bin/a": b"1", "etc/b": b"2"}, {"bin/c": "a"}, ("tmp",))
    assert one == tar_of({"etc/b": b"2", "bin/a": b"1"}, {"bin/c": "a"}, ("tmp",))
    assert one != tar_of({"bin/a": b"1", "etc/b": b"3"}, {"bin/c": "a"}, ("tmp",))


def test_the_busybox_tree_has_its_applets_as_links_and_users() -> None:
    with tarfile.open(fileobj=io.BytesIO(busybox_tar(b"program", ["sh", "busybox", "ls"]))) as tar:
        entries = {entry.name: entry for entry in tar}
        assert entries["bin/busybox"].isfile()
        assert entries["bin/busybox"].mode == 0o755
        assert (entries["bin/sh"].issym(), entries["bin/sh"].linkname) == (True, "busybox")
        assert entries["tmp"].mode == 0o1777
        assert entries["etc/passwd"].mode == 0o644
        assert {"root", "home", "bin/ls", "etc/group"} <= set(entries)


def test_a_static_program_is_told_from_one_that_needs_a_loader_and_from_a_script() -> None:
    assert is_static(b"\x7fELF" + bytes(100))
    assert not is_static(b"\x7fELF" + bytes(100) + b"/lib64/ld-linux-x86-64.so.2\0")
    assert not is_static(b"#!/bin/sh\n")
