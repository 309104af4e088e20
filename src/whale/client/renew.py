"""A login's next tokens: by an enrolment link, by refreshing, and the end of it. Imported when there is a login.

Several whales share one login, in as many terminals. The server takes a refresh token that is shown twice for a stolen
one, so one whale at a time refreshes, and the others take what it has written.
"""

import time
from typing import Any

from whale.client.http import ask, ask_json, not_understood
from whale.client.profile import Profile, Profiles, changing, checked_token, environment, save
from whale.model.errors import AuthenticationError, TransportError, UsageError
from whale.model.secret import Secret

RENEW_TIMEOUT = 8.0
"""Seconds for one try. Two of them are shorter than the server's patience with one whose answer was lost."""


def enrolled(profile: Profile, code: Secret) -> tuple[Profile, str]:
    """Exchange an enrolment link's code for a login; return it, and whose it is. Nothing is saved.

    Raises `WhaleError`.
    """
    body = ask_json(
        profile._replace(token=code, refresh=None), "/1.0/login/enrol", timeout=RENEW_TIMEOUT, method="POST"
    )
    return granted(profile, body)


def granted(profile: Profile, body: dict[str, Any]) -> tuple[Profile, str]:
    """Put the tokens of an answer into a login; return it, and whose it is. Raises `ProtocolError`."""
    try:
        access, refresh = (Secret(checked_token(str(body[key]))) for key in ("access_token", "refresh_token"))
        expires = time.time() + float(body["expires_in"])
        return profile._replace(token=access, refresh=refresh, expires=expires), str(body["user"])
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise not_understood() from error


def renewed(profile: Profile) -> Profile:
    """The login with another token than this one, which another whale may have got already. Raises `WhaleError`."""
    environ = environment()
    with changing(environ) as profiles:
        saved = profiles.saved.get(profile.name)
        if saved is None or saved.address != profile.address or saved.refresh is None:
            raise AuthenticationError("you are not logged in any more", hint=f"run: whale login {profile.address.url}")
        if saved.token == profile.token or saved.is_stale:
            saved, _ = granted(saved, _refreshed(saved, saved.refresh))
            save(Profiles(profiles.current, {**profiles.saved, saved.name: saved}), environ)
    return saved._replace(ca_file=profile.ca_file, insecure_http=profile.insecure_http)


def end_login(profile: Profile) -> None:
    """Tell the server that the login is over. Raises `WhaleError`; one that is over already is no error."""
    assert profile.refresh is not None
    shown = profile._replace(token=profile.refresh, refresh=None)
    deadline = time.monotonic() + RENEW_TIMEOUT
    try:
        with ask(shown, "/1.0/login/logout", accept="application/json", deadline=deadline, method="POST"):
            pass
    except AuthenticationError:
        pass


def _refreshed(saved: Profile, refresh: Secret) -> dict[str, Any]:
    shown = saved._replace(token=refresh, refresh=None)
    try:
        return ask_json(shown, "/1.0/login/refresh", timeout=RENEW_TIMEOUT, method="POST")
    except TransportError as error:
        if error.code != "transport.lost":
            raise
        # The answer may be lost alone. The server knows the same token again if that is at once.
        return ask_json(shown, "/1.0/login/refresh", timeout=RENEW_TIMEOUT, method="POST")
