import hashlib
import json
from pathlib import Path

import pytest

from scripts.provision.find import context_engine, usual_sockets
from scripts.provision.say import ProvisionError


def write_context(config: Path, name: str, host: str) -> None:
    meta = config / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


@pytest.mark.parametrize("config", [None, {}, {"currentContext": "default"}])
def test_no_context_means_none(tmp_path: Path, config: dict[str, str] | None) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    assert context_engine(tmp_path, {}) is None


def test_the_selected_context_gives_its_address_and_the_environment_wins(tmp_path: Path) -> None:
    write_context(tmp_path, "one", "unix:///one.sock")
    write_context(tmp_path, "two", "tcp://two:2376")
    (tmp_path / "config.json").write_text('{"currentContext": "one"}')
    certificates = tmp_path / "contexts" / "tls" / hashlib.sha256(b"two").hexdigest() / "docker"
    certificates.mkdir(parents=True)
    one, two = (context_engine(tmp_path, environment) for environment in ({}, {"DOCKER_CONTEXT": "two"}))
    assert one is not None
    assert (one.host, one.certificates) == ("unix:///one.sock", None)
    assert two is not None
    assert (two.host, two.certificates) == ("tcp://two:2376", certificates)


def test_a_selected_context_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="'gone' is selected"):
        context_engine(tmp_path, {"DOCKER_CONTEXT": "gone"})


def test_the_system_sockets_come_before_the_users_own(tmp_path: Path) -> None:
    found = list(usual_sockets(tmp_path, "/run/user/7"))
    assert found[0] == Path("/var/run/docker.sock")
    assert found.index(Path("/run/podman/podman.sock")) < found.index(Path("/run/user/7/podman/podman.sock"))
    assert tmp_path / ".docker/run/docker.sock" in found
