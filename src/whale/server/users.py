"""What an operator does with people: add, list, disable, remove, and make links to enrol by. Works beside a server.

The secret of a link exists in the value that is returned and nowhere else.
"""

import socket
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from whale.access.lifetime import parse_lifetime
from whale.access.tokens import create_token
from whale.audit.event import Kind
from whale.model.errors import UsageError
from whale.model.secret import Secret
from whale.model.text import printable
from whale.server.audit import note_operator
from whale.server.config_model import Config
from whale.server.tokens import check_groups, check_name
from whale.store.database import Database
from whale.store.place import StorePlace
from whale.store.users import UserRow, UserTable

DEFAULT_LINK_LIFETIME: Final = "1h"
MAX_LINK_LIFETIME: Final = 7 * 86400
"""Seconds. A link that lies in somebody's mail for longer is a credential that nobody looks after."""


class Link(NamedTuple):
    """A link that somebody enrols by, once. Show `code` to the operator once."""

    name: str
    code: Secret
    expires: int


async def add(
    place: StorePlace, name: str, *, groups: Collection[str] = (), lifetime: str = DEFAULT_LINK_LIFETIME
) -> Link:
    """Add a person and make their link. Raises `UsageError`, and `WhaleError` (login.name) for a name in use."""
    check_name("a person's name", name)
    checked, seconds = check_groups(groups), _link_lifetime(lifetime)
    row = UserRow(create_token().id, name, int(time.time()), checked)
    async with _table(place) as table:
        await table.add(row)
        await note_operator(place, Kind.USER_ADDED, name=name, groups=checked)
        return await _link(place, table, row, seconds)


async def link(place: StorePlace, name: str, *, lifetime: str = DEFAULT_LINK_LIFETIME) -> Link:
    """Make a new link for somebody; an earlier one is good no more. Raises `UsageError`."""
    seconds = _link_lifetime(lifetime)
    async with _table(place) as table:
        row = await table.find(name)
        if row is None:
            raise _nobody(name)
        if row.issuer is not None:
            raise UsageError(f"{name} logs in with the identity provider", hint="run: whale login URL")
        if row.disabled is not None:
            raise UsageError(f"{name} is disabled", hint=f"first: whale-server user enable {name}")
        return await _link(place, table, row, seconds)


async def list_all(place: StorePlace) -> list[UserRow]:
    """Everybody, by name. Raises `WhaleError` when the database can't be used."""
    async with _table(place) as table:
        return await table.list()


async def set_groups(place: StorePlace, name: str, groups: Collection[str]) -> tuple[str, ...]:
    """Give somebody these groups instead of theirs, and return them. Raises `UsageError`.

    A running server decides by them from the next request on. Those of a provider's people are the provider's.
    """
    checked = check_groups(groups)
    async with _table(place) as table:
        row = await table.find(name)
        if row is not None and row.issuer is not None:
            raise UsageError(f"the groups of {name} are the identity provider's", hint="change them there")
        if not await table.set_groups(name, checked):
            raise _nobody(name)
    await note_operator(place, Kind.USER_GROUPS, name=name, groups=checked)
    return checked


async def disable(place: StorePlace, name: str) -> None:
    """Let somebody in no more; what goes on by their logins ends within 2 seconds. Raises `UsageError`."""
    async with _table(place) as table:
        if not await table.set_disabled(name, int(time.time())):
            raise _nobody(name)
    await note_operator(place, Kind.USER_DISABLED, name=name)


async def enable(place: StorePlace, name: str) -> None:
    """Let somebody log in again. Raises `UsageError`."""
    async with _table(place) as table:
        if not await table.set_disabled(name, None):
            raise _nobody(name)
    await note_operator(place, Kind.USER_ENABLED, name=name)


async def remove(place: StorePlace, name: str) -> None:
    """Remove somebody with all their logins, which end. Raises `UsageError`."""
    async with _table(place) as table:
        if not await table.remove(name):
            raise _nobody(name)
    await note_operator(place, Kind.USER_REMOVED, name=name)


def login_url(config: Config, *, port: int = 0) -> str:
    """What people log in with. Where the server has an authority of its own, it says what clients pin it by."""
    url = page_url(config, port=port)
    if not config.tls.own_ca:
        return url
    from whale.server.own_certificate import login_link

    own, _, mark = login_link(config, port or config.address.port).partition("#")
    return f"{config.public_url or own}#{mark}"


def page_url(config: Config, *, port: int = 0) -> str:
    """Where people reach the server: as it is configured, or where it listens, by this machine's name if everywhere."""
    if config.public_url:
        return config.public_url
    scheme = "https" if config.tls.is_on or config.tls.behind_proxy else "http"
    host, port = config.address.host, port or config.address.port
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        host = socket.gethostname().lower()
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def enrolment_url(config: Config, code: Secret) -> str:
    """What somebody enrols with. All of it that is secret stands behind the #, and so reaches no server's log."""
    url = login_url(config)
    return f"{url}{'&' if '#' in url else '#'}{code.reveal()}"


async def _link(place: StorePlace, table: UserTable, row: UserRow, seconds: int) -> Link:
    made, expires = create_token(), int(time.time()) + seconds
    await table.put_enrolment(row.id, id=made.id, digest=made.digest, expires=expires)
    await note_operator(place, Kind.USER_LINK, name=row.name, token=made.id)
    return Link(row.name, made.text, expires)


def _link_lifetime(text: str) -> int:
    seconds = parse_lifetime(text)
    if seconds is None or seconds > MAX_LINK_LIFETIME:
        raise UsageError(
            "a link is good for 7 days at most", hint="make it when it is needed, for example --expires 2h"
        )
    return seconds


def _nobody(name: str) -> UsageError:
    return UsageError(f"there is nobody named {printable(name)}", hint="see `whale-server user list`")


@asynccontextmanager
async def _table(place: StorePlace) -> AsyncIterator[UserTable]:
    database = await Database.open(place)
    try:
        yield UserTable(database)
    finally:
        await database.aclose()
