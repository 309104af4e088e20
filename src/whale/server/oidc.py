"""Asks the identity provider, over HTTP. Follows no redirect, and bounds how much it reads and how long it waits."""

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import aiohttp

from whale import __version__
from whale.access.oidc.failures import unacceptable, unavailable
from whale.access.oidc.fetch import MAX_DOCUMENT, Answer
from whale.access.oidc.provider import Provider, ProviderSettings
from whale.model.errors import ConfigError
from whale.model.limits import KIB, PROVIDER_TIMEOUT
from whale.model.secret import Secret
from whale.server.config_oidc import OidcSection

MAX_CONNECTIONS = 8
PIECE = 64 * KIB


class HttpFetch:
    """Implements `whale.access.oidc.fetch.Fetch`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, url: str, *, token: Secret | None = None) -> Answer:
        """Get a document."""
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}
        return await self._ask("GET", url, headers=headers)

    async def post(self, url: str, form: Mapping[str, str], *, client: tuple[str, Secret] | None) -> Answer:
        """Post a form."""
        headers = {"Authorization": _basic(*client)} if client is not None else {}
        return await self._ask("POST", url, data=dict(form), headers=headers)

    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        try:
            async with self._session.request(method, url, allow_redirects=False, **more) as answer:
                body = await _bounded(answer)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise unavailable(type(error).__name__) from error
        if answer.status >= 500 or answer.status == 429:
            raise unavailable(f"status {answer.status}")
        return Answer(answer.status, body)


@asynccontextmanager
async def opened_fetch(ca_file: str, *, path: str) -> AsyncIterator[HttpFetch]:
    """Ways to ask, with a CA of its own or the system's. Raises `ConfigError` for the setting `path`."""
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=_tls(ca_file, path))
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=PROVIDER_TIMEOUT),
        # What is unpacked has no bound that is known beforehand.
        auto_decompress=False,
        headers={"User-Agent": f"whale/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with session:
        yield HttpFetch(session)


@asynccontextmanager
async def opened_provider(settings: OidcSection) -> AsyncIterator[Provider]:
    """The provider that is configured. It is asked when somebody logs in: a server starts without it."""
    known = ProviderSettings(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=lambda: _secret(settings.client_secret_file),
        scopes=tuple(dict.fromkeys(("openid", *settings.scopes))),
        name_claim=settings.name_claim,
        groups_claim=settings.groups_claim,
        allowed_groups=settings.allowed_groups,
    )
    async with opened_fetch(settings.ca_file, path="oidc.ca_file") as fetch:
        yield Provider(known, fetch)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(PIECE):
        body += piece
        if len(body) > MAX_DOCUMENT:
            answer.close()
            raise unacceptable("an answer of the provider is too long")
    return bytes(body)


def _tls(ca_file: str, path: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{path}: is no CA certificate in PEM", path=path) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _secret(file: str) -> Secret | None:
    """Read for each exchange, so that it can be replaced while the server runs."""
    if not file:
        return None
    try:
        return Secret(Path(file).read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise unavailable(f"oidc.client_secret_file: {type(error).__name__}") from error


def _basic(name: str, secret: Secret) -> str:
    """RFC 6749 section 2.3.1: both are form-encoded before they are joined."""
    joined = f"{quote_plus(name)}:{quote_plus(secret.reveal())}"
    return f"Basic {base64.b64encode(joined.encode()).decode()}"
