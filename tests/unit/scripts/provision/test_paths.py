from pathlib import Path

from scripts.provision.paths import runtime_dir


def test_each_checkout_has_its_own_short_directory_for_sockets() -> None:
    deep = Path("/home/someone") / ("very-long-name/" * 20)
    assert runtime_dir(deep) != runtime_dir(deep / "other")
    assert len(str(runtime_dir(deep) / "containerd" / "containerd.sock.ttrpc")) < 107
