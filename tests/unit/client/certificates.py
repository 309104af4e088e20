"""Certificates for servers in tests, made once."""

import functools
import ssl
from pathlib import Path

import trustme


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(*names: str, ca: trustme.CA | None = None) -> ssl.SSLContext:
    """TLS for a server with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (ca or authority()).issue_cert(*names).configure_cert(context)
    return context


def ca_file(folder: Path) -> str:
    """The authority's certificate as a file."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)
