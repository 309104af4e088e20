"""What stands behind the door, each part made of those before it, and taken down in the opposite order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from whale.access.attempts import Attempts
from whale.access.authenticator import Authenticator
from whale.audit.pump import Pump
from whale.audit.recorder import Recorder
from whale.broker.approvals import Approvals
from whale.broker.broker import Broker
from whale.broker.exchange import Exchange
from whale.broker.logins import Logins
from whale.broker.recordings import Recordings
from whale.broker.review import Review
from whale.broker.revocation import Revocation
from whale.broker.sessions import SessionBroker
from whale.broker.trail import Trail
from whale.engine.seam import Engine
from whale.screen.screens import shut_down
from whale.server.audit import note_unseen
from whale.server.audit_sinks import finish, make_pumps, make_retention, pumping
from whale.server.config_model import Config
from whale.server.engine import opened_engine
from whale.server.federation import ServerFederation, opened_federation
from whale.server.identity import server_id
from whale.server.policy import ServerPolicy
from whale.server.recording import ServerRecordings
from whale.server.recording_parts import RecordingParts
from whale.server.sessions import running_sessions
from whale.server.state_lock import hold_state_dir
from whale.session.registry import Registry
from whale.session.session import Session
from whale.store.approvals import ApprovalTable
from whale.store.audit import AuditTable
from whale.store.credentials import Credentials
from whale.store.database import Database
from whale.store.federated import FederatedTokens
from whale.store.files import prepare_directory
from whale.store.logins import LoginTable
from whale.store.tokens import TokenTable
from whale.store.users import UserTable

if TYPE_CHECKING:
    from whale.broker.device import DeviceLogins


class Trailing(NamedTuple):
    """The audit trail: its table, what writes it, and what sends it on."""

    table: AuditTable
    recorder: Recorder
    pumps: Sequence[Pump]
    trail: Trail


class Parts(NamedTuple):
    """A server without its door."""

    policy: ServerPolicy
    database: Database
    engine: Engine
    audit: Trailing
    registry: Registry
    broker: Broker
    logins: Logins
    federation: ServerFederation
    exchange: Exchange
    device: "DeviceLogins | None"
    """None without an identity provider."""
    approvals: Approvals
    recording: RecordingParts
    recordings: Recordings
    sessions: SessionBroker
    revocation: Revocation


@contextlib.asynccontextmanager
async def opened_parts(config: Config, attempts: Attempts) -> AsyncIterator[Parts]:
    """Make all of them. Raises `WhaleError` for what a server can't start with."""
    policy = await ServerPolicy.open(config)
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(_held_database(config))
        engine = await stack.enter_async_context(opened_engine(config, server=server_id(Path(config.state_dir))))
        stack.callback(shut_down)
        audit = await stack.enter_async_context(_trailing(config, database))
        trail = audit.trail
        recording = await RecordingParts.made(config, database, trail)
        registry = await stack.enter_async_context(_adopted_sessions(config, engine, audit, recording.writing))
        for name, work in recording.work().items():
            await stack.enter_async_context(_running(work, name=name))
        logins = LoginTable(database)
        federation = await stack.enter_async_context(opened_federation(config.federation, trail))
        credentials = Credentials(TokenTable(database), logins, rules=lambda: federation.live.fingerprints)
        exchange = Exchange(FederatedTokens(database), federation.live, trail=trail, attempts=attempts)
        broker = Broker(
            engine=engine,
            authenticator=Authenticator(credentials),
            policy=policy.live,
            trail=trail,
            audit=audit.table,
            attempts=attempts,
        )
        people = Logins(logins, trail=trail, attempts=attempts)
        device = await stack.enter_async_context(_device_logins(config, UserTable(database), people, trail))
        approvals = Approvals(
            ApprovalTable(database),
            engine=engine,
            policy=policy.live,
            readers=broker.readers,
            trail=trail,
            times=config.approvals.times,
        )
        await approvals.load()
        sessions = SessionBroker(engine=engine, policy=policy.live, registry=registry, approvals=approvals, trail=trail)
        review = Review(policy.live, registry, broker.readers, approvals, trail)
        revocation = Revocation(credentials, registry, broker.readers, review, approvals, trail=trail)
        yield Parts(
            policy=policy,
            database=database,
            engine=engine,
            audit=audit,
            registry=registry,
            broker=broker,
            logins=people,
            federation=federation,
            exchange=exchange,
            device=device,
            approvals=approvals,
            recording=recording,
            recordings=recording.reading(policy.live, broker.readers, trail, audit.table),
            sessions=sessions,
            revocation=revocation,
        )


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], *, name: str) -> AsyncIterator[None]:
    """Run something beside the block, and end it with the block."""
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    task = tasks.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        # Without the error: it is the block's own, and a task group would wrap it.
        await tasks.__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def _device_logins(
    config: Config, users: UserTable, logins: Logins, trail: Trail
) -> "AsyncIterator[DeviceLogins | None]":
    if not config.oidc.issuer:
        yield None
        return
    # What checks signatures takes 20 MiB and a tenth of a second, and a server without a provider needs none of it.
    from whale.broker.device import DeviceLogins
    from whale.server.oidc import opened_provider

    async with opened_provider(config.oidc) as provider:
        yield DeviceLogins(provider, users, logins, public_url=config.public_url, trail=trail)


@contextlib.asynccontextmanager
async def _held_database(config: Config) -> AsyncIterator[Database]:
    """Open the database, with the lock that keeps a second server away from it."""
    state_dir = Path(config.state_dir)
    await asyncio.to_thread(prepare_directory, state_dir)
    database = await Database.open(config.store_place)
    try:
        async with hold_state_dir(state_dir), database.held():
            yield database
    finally:
        await database.aclose()


@contextlib.asynccontextmanager
async def _trailing(config: Config, database: Database) -> AsyncIterator[Trailing]:
    table = AuditTable(database)
    recorder = Recorder(table, on_failure=config.audit.on_failure)
    pumps = make_pumps(config.audit, table, recorder)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(finish, pumps)  # when all is written
        await stack.enter_async_context(recorder.running())
        await stack.enter_async_context(pumping(pumps, make_retention(config.audit, table, pumps)))
        yield Trailing(table, recorder, pumps, Trail(recorder))


@contextlib.asynccontextmanager
async def _adopted_sessions(
    config: Config, engine: Engine, audit: Trailing, recordings: ServerRecordings
) -> AsyncIterator[Registry]:
    """Go on with what the last server left, and note how what it did not leave has ended."""
    through = (await audit.table.newest()).seq
    async with running_sessions(config, engine, observer=audit.trail, recordings=recordings) as registry:
        left: dict[str, Session | None] = {
            session.id: session if session.is_over else None for session in registry.sessions()
        }
        registry.spawn(note_unseen(audit.table, audit.trail, left=left, through=through), name="ends that nobody saw")
        registry.spawn(recordings.close_left(registry.ids()), name="recordings that nobody goes on with")
        yield registry
