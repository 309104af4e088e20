import hashlib
import json
import socket
from pathlib import Path

import pytest

from whale.engine.docker.discover import FoundEngine, find_engines
from whale.engine.docker.tls import TlsFiles
from whale.model.errors import ConfigError


def listen(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    return path


def context(home: Path, name: str, meta: object, *, current: bool = True, tls: tuple[str, ...] = ()) -> None:
    config = home / ".docker"
    key = hashlib.sha256(name.encode()).hexdigest()
    (config / "contexts" / "meta" / key).mkdir(parents=True)
    (config / "contexts" / "meta" / key / "meta.json").write_text(json.dumps(meta))
    if current:
        (config / "config.json").write_text(json.dumps({"currentContext": name}))
    for file in tls:
        directory = config / "contexts" / "tls" / key / "docker"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / file).touch()


def meta(host: str, **more: object) -> dict[str, object]:
    return {"Name": "x", "Endpoints": {"docker": {"Host": host, **more}}}


def test_nothing(tmp_path: Path) -> None:
    assert find_engines({}, tmp_path, root=tmp_path) == []


def test_sockets_count_when_they_exist_in_this_order(tmp_path: Path) -> None:
    runtime = tmp_path / "u"
    paths = [
        listen(tmp_path / "var/run/docker.sock"),
        listen(tmp_path / "run/podman/podman.sock"),
        listen(runtime / "docker.sock"),
        listen(runtime / "podman/podman.sock"),
    ]
    found = find_engines({"XDG_RUNTIME_DIR": str(runtime)}, tmp_path, root=tmp_path)
    assert found == [FoundEngine(f"unix://{path}", str(path)) for path in paths]
    paths[0].unlink()
    paths[0].touch()
    assert find_engines({}, tmp_path, root=tmp_path) == found[1:2]


def test_docker_host_comes_first(tmp_path: Path) -> None:
    listen(tmp_path / "var/run/docker.sock")
    context(tmp_path, "far", meta("tcp://far:2376"))
    found = find_engines({"DOCKER_HOST": "tcp://here:2375"}, tmp_path, root=tmp_path)
    assert [engine.origin for engine in found][:2] == ["DOCKER_HOST", "docker context far"]
    assert found[0] == FoundEngine("tcp://here:2375", "DOCKER_HOST")
    assert len(found) == 3


def test_docker_host_with_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "cert.pem").touch()
    environ = {"DOCKER_HOST": "tcp://h:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    [found] = find_engines(environ, tmp_path, root=tmp_path)
    assert found.tls == TlsFiles(ca=tmp_path / "ca.pem", cert=tmp_path / "cert.pem")
    [found] = find_engines(environ | {"DOCKER_HOST": "unix:///x"}, tmp_path, root=tmp_path)
    assert found.tls is None


def test_context_with_certificates(tmp_path: Path) -> None:
    context(tmp_path, "far", meta("tcp://far:2376", SkipTLSVerify=True), tls=("ca.pem", "cert.pem", "key.pem"))
    [found] = find_engines({}, tmp_path, root=tmp_path)
    assert (found.url, found.origin) == ("tcp://far:2376", "docker context far")
    assert found.tls is not None
    assert found.tls.key is not None
    assert not found.tls.verify


def test_the_environment_names_a_context_too(tmp_path: Path) -> None:
    context(tmp_path, "near", meta("unix:///near.sock"), current=False)
    [found] = find_engines({"DOCKER_CONTEXT": "near"}, tmp_path, root=tmp_path)
    assert found == FoundEngine("unix:///near.sock", "docker context near")
    assert find_engines({"DOCKER_CONTEXT": "default"}, tmp_path, root=tmp_path) == []


@pytest.mark.parametrize("broken", [{}, [], {"Endpoints": {"docker": {}}}, {"Endpoints": None}])
def test_a_context_that_can_t_be_read_is_an_error(tmp_path: Path, broken: object) -> None:
    context(tmp_path, "far", broken)
    with pytest.raises(ConfigError, match="docker context far") as caught:
        find_engines({}, tmp_path, root=tmp_path)
    assert caught.value.path == "engine"


def test_a_context_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="docker context gone"):
        find_engines({"DOCKER_CONTEXT": "gone"}, tmp_path, root=tmp_path)


def test_a_broken_configuration_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        find_engines({}, tmp_path, root=tmp_path)
    (tmp_path / ".docker" / "config.json").write_text("[]")
    assert find_engines({}, tmp_path, root=tmp_path) == []


def test_ssh_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SSH") as caught:
        find_engines({"DOCKER_HOST": "ssh://h"}, tmp_path, root=tmp_path)
    assert "whale-server" in caught.value.hint
    context(tmp_path, "far", meta("ssh://me@far"))
    with pytest.raises(ConfigError, match="docker context far"):
        find_engines({}, tmp_path, root=tmp_path)
