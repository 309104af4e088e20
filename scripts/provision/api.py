"""The few calls of the Docker Engine API that provisioning needs, over the standard library alone.

Speaks to Docker and to Podman's compatible API alike, so that the docker command need not be there. Must never be
imported by whale itself.
"""

import contextlib
import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from scripts.provision.say import ProvisionError

_LIMIT = 60.0
_IMPORT_LIMIT = 600.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineApi:
    """One engine, named as DOCKER_HOST names it: `unix://PATH` or `tcp://HOST:PORT`.

    With a directory of `certificates` (ca.pem, cert.pem, key.pem) it is spoken to over TLS.
    """

    def __init__(self, host: str, *, certificates: Path | None = None) -> None:
        self.host = host
        self.certificates = certificates

    def answers(self, *, within: float = 3.0) -> bool:
        """Tell whether something that speaks the API answers at the address."""
        try:
            return self._send("GET", "/_ping", limit=within)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def is_podman(self) -> bool:
        """Tell whether the engine is Podman's compatible API."""
        parts = self.call("GET", "/version").get("Components") or ()
        return any("podman" in str(part.get("Name", "")).lower() for part in parts)

    def call(self, method: str, path: str, body: object = None, *, limit: float = _LIMIT) -> Any:
        """Send a request and return the decoded answer; ProvisionError for a refusal."""
        data = None if body is None else json.dumps(body).encode()
        status, answer = self._send(method, path, data, limit=limit)
        if status >= 400:
            raise ProvisionError(f"the engine refused {method} {path}: {_message(answer)}")
        return json.loads(answer) if answer[:1] in (b"{", b"[") else None

    def find(self, path: str) -> Any:
        """Like `call` with GET, but None for what does not exist."""
        status, answer = self._send("GET", path)
        if status == 404:
            return None
        if status >= 400:
            raise ProvisionError(f"the engine refused GET {path}: {_message(answer)}")
        return json.loads(answer)

    def remove(self, path: str) -> bool:
        """Remove something; False if it is in use. What is gone already counts as removed."""
        status, answer = self._send("DELETE", path)
        if status >= 400 and status not in (404, 409):
            raise ProvisionError(f"the engine refused DELETE {path}: {_message(answer)}")
        return status != 409

    def import_image(self, tar: Path, name: str, changes: Sequence[str]) -> None:
        """Make an image `name`:latest of a root file system."""
        fields = [("fromSrc", "-"), ("repo", name), ("tag", "latest"), *(("changes", c) for c in changes)]
        with tar.open("rb") as body:
            headers = {"Content-Type": "application/x-tar", "Content-Length": str(tar.stat().st_size)}
            status, answer = self._send(
                "POST", f"/images/create?{urlencode(fields)}", body, headers=headers, limit=_IMPORT_LIMIT
            )
        if status >= 400 or b'"error"' in answer:
            raise ProvisionError(f"the engine could not import {name}: {_message(answer)}")

    def containers(self, label: str) -> list[dict[str, Any]]:
        """All containers that carry a label, stopped ones too."""
        filters = quote(json.dumps({"label": [label]}))
        found: list[dict[str, Any]] = self.call("GET", f"/containers/json?all=1&filters={filters}")
        return found

    def exec_status(self, container: str, command: Sequence[str]) -> int | None:
        """Start a command and return its exit status, or None while it still runs. Its output is dropped."""
        spec = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        created = self.call("POST", f"/containers/{container}/exec", spec)
        self._send("POST", f"/exec/{created['Id']}/start", b'{"Detach": false, "Tty": false}')
        state = self.call("GET", f"/exec/{created['Id']}/json")
        status: int | None = None if state["Running"] else state["ExitCode"]
        return status

    def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] = {"Content-Type": "application/json"},
        limit: float = _LIMIT,
    ) -> tuple[int, bytes]:
        with self._connection(limit) as connection:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.read()

    @contextlib.contextmanager
    def _connection(self, limit: float) -> Iterator[http.client.HTTPConnection]:
        url = urlsplit(self.host)
        if url.scheme == "unix":
            connection: http.client.HTTPConnection = _UnixConnection(url.path, limit)
        elif url.scheme == "tcp" and self.certificates is not None:
            connection = http.client.HTTPSConnection(url.netloc, timeout=limit, context=_tls(self.certificates))
        elif url.scheme == "tcp":
            connection = http.client.HTTPConnection(url.netloc, timeout=limit)
        else:
            raise ProvisionError(f"an engine at {self.host} can't be used here: only unix:// and tcp:// can")
        with contextlib.closing(connection):
            yield connection


def certificates_of_environment() -> Path | None:
    """Directory of the client certificate that the docker command would use with DOCKER_HOST."""
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return None
    return Path(os.environ.get("DOCKER_CERT_PATH", str(Path.home() / ".docker")))


def _tls(directory: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context


def _message(answer: bytes) -> str:
    text = answer.decode(errors="replace").strip()
    with contextlib.suppress(ValueError):
        decoded = json.loads(text)
        if isinstance(decoded, dict) and "message" in decoded:
            return str(decoded["message"])
    return text[-500:]
