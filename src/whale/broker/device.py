"""Logging in from a command line, by a browser anywhere (RFC 8628), with an identity provider.

The command line begins and asks again and again. A browser, which may be on another machine, is shown the code, goes to
the provider, comes back, and confirms; both are then let go. What is going on is kept in memory: a server that starts
anew has forgotten it, and one begins again.

Three secrets hold it together. The device code is the command line's. The state proves that a return from the provider
belongs to what was begun here, and the browser's cookie that it comes in the browser that began it: without that,
somebody could have another person's browser finish a login of their own.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from whale.access.authenticator import token_of
from whale.access.oidc.person import Person
from whale.access.oidc.provider import Attempt, Provider
from whale.access.tokens import create_token, digest_secret
from whale.access.user_code import Guesses, new_user_code, read_user_code
from whale.broker.logins import Granted, Logins
from whale.broker.trail import Trail
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.ids import TokenId
from whale.model.limits import (
    DEVICE_INTERVAL,
    DEVICE_LIFETIME,
    MAX_DEVICE_LOGINS,
    MAX_DEVICE_LOGINS_EACH,
    PROVIDER_LOGIN_LIFETIME,
)
from whale.model.secret import Secret
from whale.store.users import UserRow, UserTable

CALLBACK: Final = "/login/callback"


class Begun(NamedTuple):
    """What the command line is told. Times are seconds."""

    device_code: Secret
    user_code: str
    expires_in: int
    interval: int


class Question(NamedTuple):
    """What the browser is asked: whether this person logs in there."""

    person: Person
    user_code: str
    machine: str
    """What the command line says of itself."""
    address: str
    """Where it came from, as this server sees it."""


class _Pending:
    """One login. `outcome` is there when it is decided."""

    def __init__(self, digest: bytes, user_code: str, machine: str, address: str, expires: float) -> None:
        self.digest = digest
        self.user_code = user_code
        self.machine = machine
        self.address = address
        self.expires = expires
        self.interval = DEVICE_INTERVAL
        self.asked = 0.0
        self.attempt: Attempt | None = None
        self.browser = b""
        self.person: Person | None = None
        self.outcome: UserRow | WhaleError | None = None

    def decide(self, outcome: UserRow | WhaleError) -> None:
        """The first decision stands: another browser may still be on its way. Raises `WhaleError` (login.expired)."""
        if self.outcome is not None:
            raise _expired()
        self.outcome = outcome


class DeviceLogins:
    """One per server with a provider."""

    def __init__(
        self,
        provider: Provider,
        users: UserTable,
        logins: Logins,
        *,
        public_url: str,
        trail: Trail | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.public_url = public_url
        """Where browsers reach this server; they are sent back there, and forms are taken from there alone."""
        self._provider = provider
        self._users = users
        self._logins = logins
        self._trail = trail or Trail()
        self._clock = clock
        self._pending: dict[TokenId, _Pending] = {}
        self._guesses = Guesses(clock)

    # -- the command line --------------------------------------------------------------------------------------

    def begin(self, *, address: str, machine: str) -> Begun:
        """Begin a login. Raises `WhaleError` (login.limit)."""
        now = self._clock()
        self._pending = {key: each for key, each in self._pending.items() if each.expires > now}
        same = sum(each.address == address for each in self._pending.values())
        if len(self._pending) >= MAX_DEVICE_LOGINS or same >= MAX_DEVICE_LOGINS_EACH:
            raise WhaleError("too many logins wait already", code="login.limit", hint="try again in a few minutes")
        made = create_token()
        known = {each.user_code for each in self._pending.values()}
        while (code := new_user_code()) in known:
            pass
        self._pending[made.id] = _Pending(made.digest, code, machine, address, now + DEVICE_LIFETIME)
        return Begun(made.text, code, DEVICE_LIFETIME, DEVICE_INTERVAL)

    async def poll(self, header: str | None) -> Granted:
        """Hand over the login when it is confirmed, once.

        Raises `WhaleError`: login.pending, login.slow_down (five seconds more between two questions from then on),
        login.expired, or what came of it.
        """
        shown, now = token_of(header), self._clock()
        pending = self._pending.get(shown.id)
        if pending is None or not Secret(digest_secret(shown.secret).hex()) == Secret(pending.digest.hex()):
            raise _expired()
        if pending.expires <= now:
            del self._pending[shown.id]
            raise _expired()
        if pending.outcome is None:
            asked, pending.asked = pending.asked, now
            # A little early is the network's doing.
            if now - asked < pending.interval * 0.8:
                pending.interval += 5
                raise WhaleError("asked too often", code="login.slow_down", hint="ask 5 seconds later each time")
            raise WhaleError("nobody has confirmed it yet", code="login.pending", hint="ask again")
        del self._pending[shown.id]
        if isinstance(pending.outcome, WhaleError):
            raise pending.outcome
        user = pending.outcome
        return await self._logins.begin(user.id, user.name, lifetime=PROVIDER_LOGIN_LIFETIME, by=self._provider.issuer)

    # -- the browser -------------------------------------------------------------------------------------------

    async def start(self, typed: str, *, address: str) -> tuple[str, Secret]:
        """Take the code that somebody typed; return the provider's address for the browser, and its cookie.

        Raises `WhaleError`: login.expired for a wrong code, login.limit, and what the provider raises.
        """
        self._guesses.check(address)
        code, now = read_user_code(typed), self._clock()
        pending = next((p for p in self._pending.values() if p.user_code == code and p.expires > now), None)
        if pending is None or pending.outcome is not None:
            self._guesses.wrong(address)
            raise WhaleError(
                "there is no login with this code", code="login.expired", hint="look at the code again, or begin again"
            )
        state, nonce, verifier, cookie = (_random() for _ in range(4))
        attempt = Attempt(state, nonce, verifier, self.public_url + CALLBACK)
        url = await self._provider.authorization_url(attempt)
        pending.attempt, pending.browser, pending.person = attempt, _digest(cookie), None
        return url, cookie

    async def returned(self, parameters: Mapping[str, str], cookie: Secret) -> tuple[Question, Secret]:
        """Take what the provider sent back with the browser; return what to ask, and the next cookie.

        A return is good once, whatever comes of it. Raises `WhaleError`: login.expired for one that nobody waits for,
        or that comes in another browser, and what the provider raises.
        """
        try:
            pending, attempt = self._awaited(parameters, cookie)
            pending.attempt, pending.browser = None, b""
            person = await self._proved(pending, attempt, parameters)
        except WhaleError as error:
            self._trail.login_refused("", error)
            raise
        after = _random()
        pending.person, pending.browser = person, _digest(after)
        return Question(person, pending.user_code, pending.machine, pending.address), after

    async def confirm(self, cookie: Secret, *, allow: bool) -> str:
        """Take the answer; return the person's name. Raises `WhaleError`: login.expired, login.denied, login.name."""
        pending = self._of_browser(cookie)
        if pending is None or pending.person is None:
            raise _expired()
        person, pending.person, pending.browser = pending.person, None, b""
        if not allow:
            error = AuthenticationError("the login was refused in the browser", code="login.denied")
            pending.decide(error)
            self._trail.login_refused(person.name, error)
            return person.name
        try:
            user = await self._admitted(person)
            pending.decide(user)
        except WhaleError as error:
            self._trail.login_refused(person.name, error)
            if error.code.startswith("login.") and pending.outcome is None:
                pending.decide(error)
            raise
        return user.name

    async def _proved(self, pending: _Pending, attempt: Attempt, parameters: Mapping[str, str]) -> Person:
        try:
            return await self._provider.person(attempt, parameters)
        except AuthenticationError as error:  # a no, which another try does not change
            pending.decide(error)
            raise

    async def _admitted(self, person: Person) -> UserRow:
        row = UserRow(
            create_token().id,
            person.name,
            int(time.time()),
            person.groups,
            issuer=self._provider.issuer,
            subject=person.subject,
        )
        user = await self._users.vouched(row)
        if user.disabled is not None:
            raise AuthenticationError("you may not log in here", code="login.denied", hint="ask an administrator")
        return user

    def _awaited(self, parameters: Mapping[str, str], cookie: Secret) -> tuple[_Pending, Attempt]:
        pending = self._of_browser(cookie)
        attempt = pending.attempt if pending is not None else None
        if pending is None or attempt is None or Secret(parameters.get("state", "")) != attempt.state:
            raise WhaleError(
                "nobody waits for this in this browser",
                code="login.expired",
                hint="begin again, and stay in one browser",
                detail="state or cookie are missing, used or another login's",
            )
        return pending, attempt

    def _of_browser(self, cookie: Secret) -> _Pending | None:
        if not cookie:
            return None
        digest, now = _digest(cookie), self._clock()
        # By digest: what is compared can't be steered towards a match.
        waiting = (p for p in self._pending.values() if p.outcome is None and p.expires > now)
        return next((p for p in waiting if p.browser == digest), None)


def _random() -> Secret:
    """256 bits, in letters that a URL, a cookie and PKCE take."""
    return Secret(secrets.token_urlsafe(32))


def _digest(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest()


def _expired() -> WhaleError:
    return WhaleError("the login was not confirmed in time", code="login.expired", hint="begin again")
