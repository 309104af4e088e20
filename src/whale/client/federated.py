"""Logging in as a job, by a token that the CI system made for it. Imported when there is one."""

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from whale.client.address import Address, parse_address
from whale.client.http import REQUEST_TIMEOUT, ask_json, not_understood
from whale.client.profile import Profile, check_plain_http, checked_token
from whale.model.errors import UsageError
from whale.model.secret import Secret

MAX_TOKEN: Final = 16 * 1024

VARIABLE: Final = "WHALE_ID_TOKEN"
ACTIONS_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
ACTIONS_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - names of variables


def job_token(environ: Mapping[str, str], file: str, server: Address) -> Secret:
    """Find the job's token: in the file, in WHALE_ID_TOKEN, or from GitHub Actions, made for this server.

    Raises `UsageError` where there is none, and `WhaleError` when Actions gives none.
    """
    if file:
        return _checked(_read(file))
    if environ.get(VARIABLE):
        return _checked(environ[VARIABLE])
    if environ.get(ACTIONS_URL) and environ.get(ACTIONS_TOKEN):
        return _from_actions(environ[ACTIONS_URL], environ[ACTIONS_TOKEN], audience=server.url)
    raise UsageError(
        "there is no token of a job",
        hint=f"set {VARIABLE}, give --id-token-file, or let the job have the permission id-token: write",
    )


def exchanged(profile: Profile, token: Secret) -> tuple[Profile, str]:
    """Exchange a job's token for one of the server's; return the login, and whose it is. Raises `WhaleError`."""
    body = ask_json(profile._replace(token=token), "/1.0/login/exchange", timeout=REQUEST_TIMEOUT, method="POST")
    try:
        access, expires = Secret(checked_token(str(body["access_token"]))), time.time() + float(body["expires_in"])
        return profile._replace(token=access, refresh=None, expires=expires), str(body["name"])
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise not_understood() from error


def _from_actions(url: str, token: str, *, audience: str) -> Secret:
    """Ask the runner's own service, as GitHub documents it, for a token that is good for this server alone."""
    parts = urlsplit(url)
    address = parse_address(f"{parts.scheme}://{parts.netloc}")
    check_plain_http(address, allowed=False)
    query = "&".join(filter(None, (parts.query, urlencode({"audience": audience}))))
    runner = Profile("", address, Secret(checked_token(token)))
    value = ask_json(runner, f"{parts.path}?{query}", timeout=REQUEST_TIMEOUT).get("value")
    if not isinstance(value, str):
        raise not_understood()
    return _checked(value)


def _read(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            return stream.read(MAX_TOKEN + 1).decode("ascii", "replace")
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}", hint="name the file with the token") from error


def _checked(text: str) -> Secret:
    if len(text) > MAX_TOKEN:
        raise UsageError("the token of the job is too long")
    return Secret(checked_token(text.strip()))
