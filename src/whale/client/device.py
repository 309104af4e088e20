"""Logging in by a browser, here or anywhere (RFC 8628): a code and an address, and asking until it is confirmed."""

import platform
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from whale.client.http import REQUEST_TIMEOUT, ask_json, not_understood
from whale.client.profile import Profile
from whale.client.renew import granted
from whale.model.errors import AuthenticationError, TransportError, WhaleError
from whale.model.secret import Secret

MAX_WAIT = 3600.0
MIN_INTERVAL, MAX_INTERVAL = 0.1, 60.0
SLOWER = 5.0
"""Seconds more between two questions when the server says that it is too often (section 3.5)."""


class DeviceLogin(NamedTuple):
    """A login that waits for a browser."""

    code: Secret
    user_code: str
    page: str
    page_with_code: str
    seconds: float
    interval: float


def begin_device_login(profile: Profile) -> DeviceLogin | None:
    """Begin a login; None where the server has no identity provider. Raises `WhaleError`."""
    path = "/1.0/login/device?" + urlencode({"machine": platform.node()[:64]})
    try:
        body = ask_json(profile, path, timeout=REQUEST_TIMEOUT, method="POST")
    except WhaleError as error:
        if error.code in ("login.no_provider", "not_found", "auth.missing"):
            return None
        raise
    try:
        pages = str(body["verification_uri"]), str(body["verification_uri_complete"])
        # It is shown, and opened: nothing but a plain address gets to a browser.
        if not all(page.isprintable() and urlsplit(page).scheme in ("http", "https") for page in pages):
            raise not_understood()
        interval = min(max(float(body["interval"]), MIN_INTERVAL), MAX_INTERVAL)
        seconds = min(float(body["expires_in"]), MAX_WAIT)
        return DeviceLogin(Secret(str(body["device_code"])), str(body["user_code"]), *pages, seconds, interval)
    except (KeyError, TypeError, ValueError) as error:
        raise not_understood() from error


def await_device_login(profile: Profile, login: DeviceLogin) -> tuple[Profile, str]:
    """Ask until somebody has confirmed; return the login, and whose it is. Raises `WhaleError`."""
    shown, deadline, interval = profile._replace(token=login.code), time.monotonic() + login.seconds, login.interval
    while time.monotonic() < deadline:
        time.sleep(interval)  # nobody tells: the protocol is to ask
        try:
            return granted(profile, ask_json(shown, "/1.0/login/device/token", timeout=REQUEST_TIMEOUT, method="POST"))
        except TransportError:
            continue  # a laptop that was closed is opened again
        except WhaleError as error:
            if error.code == "login.slow_down":
                interval += SLOWER
            elif error.code != "login.pending":
                raise
    raise AuthenticationError("nobody has confirmed the login in time", code="login.expired", hint="begin again")


def open_browser(page: str, environ: Mapping[str, str]) -> bool:
    """Open the page where there is a screen with a browser; tells whether it was tried."""
    has_screen = sys.platform == "darwin" or environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    if not has_screen or environ.get("SSH_CONNECTION"):
        return False
    import webbrowser

    return webbrowser.open(page)
