"""Refused credentials: what locks, whom, for how long, and whom never."""

import asyncio

import pytest

from whale.access import attempts
from whale.access.attempts import Attempt, AttemptLimits, Attempts
from whale.model.errors import AuthenticationError, TooManyAttempts, WhaleError
from whale.model.limits import AUTH_RECOVERY, MAX_AUTH_LOCKOUT

LIMITS = AttemptLimits(failures=3, lockout=5.0)
HERE, THERE = "192.0.2.1", "198.51.100.1"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Attempts:
    return Attempts(LIMITS, clock=clock)


def of(account: str, *, address: str = HERE, credential: str = "wrong") -> Attempt:
    return Attempt(address, account, credential)


def fail(door: Attempts, attempt: Attempt, times: int, *, is_spent: bool = False) -> None:
    for _ in range(times):
        door.failed(attempt, is_spent=is_spent)


async def wait_of(door: Attempts, attempt: Attempt) -> int:
    """Seconds that an attempt is told to wait; 0 when it is let through."""
    try:
        async with asyncio.timeout(0.5):
            await door.admit(attempt)
    except TooManyAttempts as error:
        return error.retry_after
    return 0


async def test_a_few_are_forgiven_and_one_more_locks(door: Attempts) -> None:
    fail(door, of("alice"), 2)
    assert await wait_of(door, of("alice")) == 0
    fail(door, of("alice"), 1)
    assert await wait_of(door, of("alice")) == 5
    assert (door.locked, door.failures, door.refused) == (1, 3, 1)


async def test_each_lockout_is_twice_as_long_and_there_is_a_longest(door: Attempts, clock: Clock) -> None:
    fail(door, of("alice"), 3)
    seen = []
    for _ in range(10):
        seen.append(await wait_of(door, of("alice")))
        clock.now += seen[-1]
        assert await wait_of(door, of("alice")) == 0
        fail(door, of("alice"), 1)
    assert seen[:4] == [5, 10, 20, 40]
    assert seen[-1] == MAX_AUTH_LOCKOUT


async def test_after_a_while_of_peace_nothing_was(door: Attempts, clock: Clock) -> None:
    fail(door, of("alice"), 3)
    clock.now += 5 + AUTH_RECOVERY
    fail(door, of("alice"), 2)
    assert await wait_of(door, of("alice")) == 0
    fail(door, of("alice"), 1)
    assert await wait_of(door, of("alice")) == 5


async def test_an_account_is_locked_only_where_it_was_tried(door: Attempts) -> None:
    fail(door, of("alice"), 3)
    assert await wait_of(door, of("alice", address=THERE)) == 0
    assert await wait_of(door, of("bob")) == 0


async def test_a_network_that_tries_many_accounts_is_locked(door: Attempts) -> None:
    for number in range(15):
        door.failed(of(f"account {number}"))
    assert await wait_of(door, of("another")) == 5
    assert await wait_of(door, of("another", address=THERE)) == 0


async def test_an_ipv6_network_is_one_client(door: Attempts) -> None:
    for number in range(15):
        door.failed(of(f"account {number}", address=f"2001:db8::{number:x}"))
    assert await wait_of(door, of("another", address="2001:db8::ffff:1")) == 5
    assert await wait_of(door, of("another", address="2001:db8:0:1::1")) == 0


async def test_a_credential_that_was_right_here_goes_on_here(door: Attempts) -> None:
    door.succeeded(of("alice", credential="right"))
    fail(door, of("alice"), 30)
    assert await wait_of(door, of("alice", credential="right")) == 0
    assert await wait_of(door, of("alice", credential="guess")) > 0
    assert await wait_of(door, of("bob", credential="right")) == 0, "it says whose it is, nobody else does"


async def test_and_no_more_when_it_is_revoked(door: Attempts) -> None:
    door.succeeded(of("alice", credential="right"))
    fail(door, of("alice", credential="right"), 3, is_spent=True)
    assert await wait_of(door, of("alice", credential="right")) == 5


async def test_a_success_begins_anew(door: Attempts) -> None:
    fail(door, of("alice"), 2)
    door.succeeded(of("alice", credential="right"))
    fail(door, of("alice"), 2)
    assert await wait_of(door, of("alice")) == 0


async def test_a_spent_credential_locks_its_own_account_and_not_the_office(door: Attempts) -> None:
    fail(door, of("forgotten-job"), 30, is_spent=True)
    assert await wait_of(door, of("forgotten-job")) > 0
    assert await wait_of(door, of("alice")) == 0


async def test_an_account_tried_from_everywhere_is_slow_and_never_locked(
    door: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        door.failed(of("alice", address=f"203.0.113.{number}"))
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("whale.access.attempts.asyncio.sleep", sleep)
    await door.admit(of("alice", address=THERE))
    assert (waited, door.delayed) == ([1.0], 1)
    door.succeeded(of("alice", address=THERE, credential="right"))
    await door.admit(of("alice", address=THERE, credential="right"))
    await door.admit(of("bob", address=THERE))
    assert waited == [1.0]


async def test_a_shared_address_is_never_locked(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Attempts(LIMITS, clock=clock, is_shared=lambda address: address == HERE)
    monkeypatch.setattr(attempts, "AUTH_PAUSE", 0.0)
    fail(door, of("alice"), 100)
    assert await wait_of(door, of("alice")) == 0
    fail(door, of("alice", address=THERE), 3)
    assert await wait_of(door, of("alice", address=THERE)) == 5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(attempts, "MAX_AUTH_TRACKED", 100)
    return 100


def test_the_tables_have_a_bound(door: Attempts, small: int) -> None:
    for number in range(2 * small):
        door.failed(of(f"account {number}", address=f"2001:db8:{number:x}::1"))
        door.succeeded(of(f"account {number}", address=THERE, credential=str(number)))
    tables = (door._at_network._found, door._networks._found, door._accounts._found, door._proved._found)
    assert [len(table) for table in tables] == [small] * 4


async def test_who_was_wrong_last_is_remembered_when_the_table_is_full(door: Attempts, small: int) -> None:
    fail(door, of("alice", address=THERE), 3)
    for number in range(small - 1):
        door.failed(of("x", address=f"2001:db8:{number:x}::1"))
    assert await wait_of(door, of("alice", address=THERE)) == 5
    door.failed(of("x", address="2001:db8:ffff::1"))
    assert await wait_of(door, of("alice", address=THERE)) == 0


def test_a_credential_is_never_kept() -> None:
    door = Attempts(LIMITS)
    door.succeeded(of("alice", credential="the secret"))
    assert "secret" not in repr(list(door._proved._found))


async def test_a_credential_is_judged_by_how_it_ends(door: Attempts) -> None:
    async def show(header: str | None, error: WhaleError | None = None) -> None:
        async with door.judging(HERE, header):
            if error is not None:
                raise error

    for _ in range(LIMITS.failures):
        with pytest.raises(AuthenticationError):
            await show(None, AuthenticationError("nothing was shown"))
        with pytest.raises(WhaleError):
            await show("Bearer right", WhaleError("the table is away"))
    await show("Bearer right")
    for _ in range(LIMITS.failures):
        with pytest.raises(AuthenticationError):
            await show("Bearer wrong", AuthenticationError("no"))
    with pytest.raises(TooManyAttempts):
        await show("Bearer other")
    await show("Bearer right")
    assert door.failures == LIMITS.failures
