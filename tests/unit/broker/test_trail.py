"""What the use cases put into the trail: everything that was asked, and nothing that is secret."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import NamedTuple

import pytest

from tests.audit_log import Memory
from tests.engines import eventually
from tests.recordings import recording
from tests.unit.broker.conftest import ALICE, BOB, Doorman, Judge, Shelf
from whale.access.tickets import Purpose
from whale.access.tokens import create_token
from whale.audit.event import AuditEvent, Kind
from whale.audit.recorder import OnFailure, Recorder
from whale.broker.approvals import Approvals
from whale.broker.broker import Broker
from whale.broker.review import Groups, Review
from whale.broker.revocation import Revocation
from whale.broker.sessions import SessionBroker
from whale.broker.trail import Trail
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.approval import Approval
from whale.model.audit import AuditQuery
from whale.model.errors import AccessDenied, AuthenticationError, TargetError, TooManyAttempts, UsageError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.keep import Keep
from whale.model.limits import AUTH_FAILURES, MAX_AUDIT_REFUSALS
from whale.model.principal import Action, Scope
from whale.model.role import Role
from whale.model.source import SOURCE
from whale.session.registry import Registry
from whale.store.tokens import TokenRow

CAT = ExecSpec(command=("cat",), stdin=True)


class House(NamedTuple):
    broker: Broker
    sessions: SessionBroker
    engine: FakeEngine
    judge: Judge
    registry: Registry
    recorder: Recorder
    log: Memory
    trail: Trail
    approvals: Approvals

    async def events(self) -> list[AuditEvent]:
        await eventually(lambda: not self.recorder.queued, "written")
        return self.log.events

    async def kinds(self) -> list[Kind]:
        return [event.kind for event in await self.events()]


@pytest.fixture
def on_failure() -> OnFailure:
    return "refuse"


@pytest.fixture
async def house(on_failure: OnFailure) -> AsyncIterator[House]:
    engine = FakeEngine.from_url("fake://web,db", name="local")
    judge, log = Judge(), Memory()
    recorder = Recorder(log, on_failure=on_failure)
    trail = Trail(recorder)
    async with recorder.running():
        async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0), keep=Keep(60, 60), observer=trail) as registry:
            broker = Broker(engine=engine, authenticator=Doorman(), policy=judge, trail=trail)
            approvals = Approvals(Shelf(), engine=engine, policy=judge, readers=broker.readers, trail=trail)
            sessions = SessionBroker(engine=engine, policy=judge, registry=registry, approvals=approvals, trail=trail)
            yield House(broker, sessions, engine, judge, registry, recorder, log, trail, approvals)
    await engine.aclose()
    log.verify()


async def test_the_event_of_an_allowed_command_is_there_before_it_starts(house: House) -> None:
    house.log.open.clear()
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(house.sessions.open(ALICE, "web", CAT, name="one"))
        await eventually(lambda: house.recorder.queued == 1, "asked")
        (session,) = house.registry.sessions()
        assert session.exec is None
        house.log.open.set()
        attached = await opening
    (opened,) = await house.events()
    assert (opened.kind, opened.principal, opened.token, opened.action) == (Kind.OPENED, "alice", "abc", Action.EXEC)
    assert (opened.reason, opened.session, opened.name, opened.command) == ("because", session.id, "one", ("cat",))
    assert opened.container is not None
    assert (opened.container.name, opened.container.id) == ("web", session.container.id)
    attached.write_stdin(b"secret")
    await eventually(lambda: session.bytes_out == 6, "echoed")
    attached.end_stdin()
    await eventually(lambda: session.is_over, "over")
    attached.close()
    ended = (await house.events())[-1]
    assert (ended.kind, ended.status, ended.bytes_in, ended.bytes_out, ended.code) == (Kind.ENDED, 0, 6, 6, "")
    assert ended.seconds is not None
    assert not [row for row in house.log.rows if "secret" in row.body], "a byte of a stream"


async def test_nothing_starts_when_its_event_can_not_be_written(house: House) -> None:
    house.log.is_full = True
    with pytest.raises(WhaleError) as refused:
        await house.sessions.open(ALICE, "web", CAT)
    assert refused.value.code == "audit.unavailable"
    house.log.is_full = False
    await eventually(lambda: len(house.log.rows) == 2, "written later")
    opened, ended = house.log.events
    assert (opened.kind, ended.kind, ended.code) == (Kind.OPENED, Kind.ENDED, "audit.unavailable")
    assert not house.engine._find("web").processes


@pytest.mark.parametrize("on_failure", ["alarm"])
async def test_or_it_starts_and_is_made_known(house: House) -> None:
    house.log.is_full = True
    attached = await house.sessions.open(ALICE, "web", CAT)
    assert attached.session.exec is not None
    assert house.recorder.failures
    house.log.is_full = False


async def test_denied_attempts_are_there_with_their_reason(house: House) -> None:
    house.judge.allows = False
    spec = ExecSpec(("mysql", "-phunter2"), env=(("PGPASSWORD", "x"),), user="root", workdir="/srv", privileged=True)
    with pytest.raises(AccessDenied):
        await house.sessions.open(BOB, "web", spec)
    with pytest.raises(AccessDenied):
        await house.broker.audit(BOB, AuditQuery())
    with pytest.raises(AccessDenied):
        await house.broker.logs(BOB, "db", follow=False, tail=None)
    exec, read, logs = await house.events()
    assert {exec.kind, read.kind, logs.kind} == {Kind.DENIED}
    assert {exec.policies, read.policies, logs.policies} == {("judge",)}
    assert (exec.principal, exec.action, exec.reason, exec.privileged) == ("bob", "exec", "because", True)
    assert (exec.command, exec.env, exec.user, exec.workdir) == (
        ("mysql", "-p***"), ("PGPASSWORD=***",), "root", "/srv",
    )  # fmt: skip
    assert (read.action, read.container) == ("audit.read", None)
    assert logs.container is not None
    assert logs.container.name == "db"


async def test_what_is_only_looked_at_is_there_too(house: House) -> None:
    await house.broker.containers(ALICE, all=False)
    await house.broker.logs(ALICE, "web", follow=False, tail=None)
    await house.broker.audit(ALICE, AuditQuery())
    assert [(event.kind, event.action, event.count, event.policies) for event in await house.events()] == [
        (Kind.ALLOWED, "list", 2, ()),
        (Kind.ALLOWED, "logs", None, ("judge",)),
        (Kind.ALLOWED, "audit.read", None, ("judge",)),
    ]


async def test_a_container_that_was_hidden_is_there_with_what_hid_it(house: House) -> None:
    house.judge.hidden = {"db"}
    with pytest.raises(TargetError):
        await house.sessions.open(ALICE, "db", CAT)
    with pytest.raises(TargetError):
        await house.broker.logs(ALICE, "db", follow=False, tail=None)
    assert len(await house.broker.containers(ALICE, all=True)) == 1
    denied, failed, again, _, listed = await house.events()
    assert (denied.kind, denied.action, denied.reason) == (Kind.DENIED, "list", "hidden or not")
    assert denied.policies == ("sight",)
    assert denied.container is not None
    assert denied.container.name == "db"
    assert (failed.kind, failed.action, failed.target, failed.container) == (Kind.FAILED, "exec", "db", None)
    assert (again.kind, again.action) == (Kind.DENIED, "list")
    assert (listed.kind, listed.count) == (Kind.ALLOWED, 1)


async def test_what_came_to_nothing_is_there_too(house: House) -> None:
    with pytest.raises(TargetError):
        await house.sessions.open(ALICE, "wbe", CAT)
    with pytest.raises(UsageError):
        await house.sessions.open(ALICE, "web", ExecSpec(("a", "\0")))
    with pytest.raises(WhaleError):
        house.sessions.kill(ALICE, "nothing")
    with pytest.raises(WhaleError):
        await house.sessions.join(ALICE, "nothing", role=Role.VIEWER, key="", size=None)
    found = [(event.kind, event.action, event.target, event.code) for event in await house.events()]
    assert found == [
        (Kind.FAILED, "exec", "wbe", "target.not_found"),
        (Kind.FAILED, "exec", "web", "usage"),
        (Kind.FAILED, "kill", "nothing", "session.not_found"),
        (Kind.FAILED, "view", "nothing", "session.not_found"),
    ]


async def test_the_life_of_a_session(house: House) -> None:
    house.judge.others = set(Action)
    first = await house.sessions.open(ALICE, "web", ExecSpec(tty=True, stdin=True), key="a" * 32)
    first.lose()
    await house.sessions.open(ALICE, "web", ExecSpec(tty=True, stdin=True), key="a" * 32)
    viewer = await house.sessions.join(BOB, first.session.id, role=Role.VIEWER, key="b" * 32, size=None)
    house.sessions.change_role(BOB, viewer, Role.CONTROLLER)
    viewer.detach()
    house.sessions.kill(BOB, first.session.id)
    await eventually(lambda: first.session.is_over, "over")
    events = await house.events()
    assert [event.kind for event in events] == [
        Kind.OPENED, Kind.LOST, Kind.RESUMED, Kind.ATTACHED, Kind.ROLE, Kind.DETACHED, Kind.KILLED, Kind.ENDED,
    ]  # fmt: skip
    assert {event.session for event in events} == {first.session.id}
    decided = {event.kind for event in events if event.policies == ("judge",)}
    assert decided == {Kind.OPENED, Kind.RESUMED, Kind.ATTACHED, Kind.ROLE, Kind.KILLED}
    joined, role, killed, ended = events[3], events[4], events[6], events[7]
    assert (joined.principal, joined.owner, joined.role, joined.reason) == ("bob", "alice", "viewer", "because")
    assert (role.principal, role.role) == ("bob", "controller")
    assert (killed.principal, killed.owner, killed.action) == ("bob", "alice", "kill")
    assert (ended.principal, ended.status, ended.code) == ("alice", None, "session.killed")


async def test_a_command_that_can_not_start_has_both_events(house: House) -> None:
    attached = await house.sessions.open(ALICE, "web", ExecSpec(("no-such-program",)))
    await eventually(lambda: attached.session.is_over, "over")
    attached.close()
    await eventually(lambda: len(house.log.rows) == 2, "written")
    opened, ended = house.log.events
    assert (opened.kind, ended.kind, ended.code) == (Kind.OPENED, Kind.ENDED, "exec.not_found")


async def test_nobody_is_let_into_a_session_without_an_event(house: House) -> None:
    attached = await house.sessions.open(ALICE, "web", CAT)
    attached.detach()
    house.log.is_full = True
    with pytest.raises(WhaleError) as refused:
        await house.sessions.join(ALICE, attached.session.id, role=Role.CONTROLLER, key="", size=None)
    assert refused.value.code == "audit.unavailable"
    assert not attached.session.audience.members
    house.log.is_full = False


class NoTokens:
    async def valid(self, ids: Collection[TokenId], *, at: int) -> dict[TokenId, tuple[str, ...]]:
        return {}


async def test_a_revocation_is_there_with_whom_it_hit(house: House) -> None:
    attached = await house.sessions.open(ALICE, "web", CAT)
    review = Review(house.judge, house.registry, house.broker.readers, house.approvals, house.trail)
    readers = house.broker.readers
    with house.broker.reading(await house.broker.logs(BOB, "web", follow=True, tail=None), lambda error: None):
        await Revocation(NoTokens(), house.registry, readers, review, house.approvals, trail=house.trail).check()
    await eventually(lambda: attached.session.is_over, "over")
    await eventually(lambda: house.log.events[-1].kind is Kind.ENDED, "written")
    found = [(event.principal, event.action, event.code) for event in house.log.events if event.kind is Kind.REVOKED]
    assert found == [("alice", "", "auth.revoked")] * 2 + [("bob", "logs", "auth.revoked")]


async def test_a_right_that_is_taken_away_is_there_with_why(house: House) -> None:
    house.judge.others = {Action.VIEW}
    owner = await house.sessions.open(ALICE, "web", CAT)
    await house.sessions.join(BOB, owner.session.id, role=Role.VIEWER, key="", size=None)
    review = Review(house.judge, house.registry, house.broker.readers, house.approvals, house.trail)
    groups: Groups = {ALICE.token_id: (), BOB.token_id: ()}
    house.judge.others = set()
    await review.check(groups)
    house.judge.generation += 1
    house.judge.hidden = {"web"}
    await review.check(groups)
    await eventually(lambda: owner.session.is_over, "over")
    place, session = [event for event in await house.events() if event.kind is Kind.REVOKED]
    assert (place.principal, place.owner, place.action, place.reason) == ("bob", "alice", "view", "because")
    assert (session.principal, session.owner, session.action) == ("alice", "", "list")
    assert (session.reason, session.policies) == ("hidden or not", ("sight",))
    assert {place.session, session.session} == {owner.session.id}
    assert {place.code, session.code} == {"access.withdrawn"}
    assert {place.source, session.source} == {""}, "nobody asked"


async def test_a_log_that_may_be_read_no_more_is_there_with_why(house: House) -> None:
    review = Review(house.judge, house.registry, house.broker.readers, house.approvals, house.trail)
    with house.broker.reading(await house.broker.logs(ALICE, "web", follow=True, tail=None), lambda error: None):
        house.judge.denied = {("alice", Action.LOGS)}
        await review.check({ALICE.token_id: ()})
    [event] = [event for event in await house.events() if event.kind is Kind.REVOKED]
    assert (event.principal, event.action, event.reason, event.code) == ("alice", "logs", "because", "access.withdrawn")
    assert event.container is not None
    assert event.container.name == "web"


async def test_an_approval_is_there_from_the_question_to_its_end(house: House) -> None:
    house.judge.approvable = {("alice", Action.EXEC)}
    alice = ALICE._replace(purpose="ticket 42")
    asked: list[Approval] = []
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(house.sessions.open(alice, "web", CAT, tell=asked.append))
        await eventually(lambda: asked != [], "asked")
        await house.approvals.allow(BOB._replace(purpose="fine"), asked[0].id, seconds=None)
    await house.approvals.deny(BOB, asked[0].id)
    task.result().close()
    events = [event for event in await house.events() if event.approval == asked[0].id]
    kinds = [Kind.APPROVAL_ASKED, Kind.APPROVAL_ALLOWED, Kind.OPENED, Kind.APPROVAL_DENIED]
    assert [event.kind for event in events] == kinds
    assert [event.principal for event in events] == ["alice", "bob", "alice", "bob"]
    assert [event.action for event in events] == ["exec", "approve", "exec", "approve"]
    assert [event.purpose for event in events] == ["ticket 42", "fine", "ticket 42", ""]
    assert [event.owner for event in events] == ["", "alice", "", "alice"]
    assert all(event.until for event in events[:2])
    assert events[2].reason == "bob has allowed it"
    assert {event.container.name for event in events if event.container is not None} == {"web"}


async def test_refused_credentials_are_there_by_their_public_part(house: House) -> None:
    made = create_token()
    SOURCE.set("192.0.2.7")
    for header in (None, f"Bearer {made.text.reveal()}", "Bearer nonsense", "Bearer whale_nonsense"):
        with pytest.raises(AuthenticationError):
            await house.broker.authenticate(header)
    events = await house.events()
    assert [event.token for event in events] == ["", made.id, "", ""]
    assert {(event.kind, event.source) for event in events} == {(Kind.AUTH_REFUSED, "192.0.2.7")}
    secret = made.text.reveal()[18:61]
    assert not [row for row in house.log.rows if secret in row.body]


async def test_strangers_can_not_fill_the_trail(house: House) -> None:
    now = 1000.0
    trail = Trail(house.recorder, clock=lambda: now)
    error = AuthenticationError("no")
    for _ in range(500):
        trail.refused(None, error)
    now = 1001.0
    trail.refused(None, error)
    counts = [event.count for event in await house.events()]
    assert counts == [None] * MAX_AUDIT_REFUSALS + [500 - MAX_AUDIT_REFUSALS + 1]


async def test_without_a_recorder_nothing_is_written() -> None:
    Trail().server(Kind.STARTED)


async def test_what_becomes_of_changes_of_the_policies(house: House) -> None:
    house.trail.policies_loaded(3)
    house.trail.policies_refused("a.cedar:1: " + "x" * 2000)
    loaded, refused = await house.events()
    assert (loaded.kind, loaded.count) == (Kind.POLICY_LOADED, 3)
    assert refused.kind is Kind.POLICY_REFUSED
    assert refused.reason.startswith("a.cedar:1: x")
    assert len(refused.reason) == 1000


async def test_other_certificates_are_noted(house: House) -> None:
    house.trail.certificate(Kind.CERTIFICATE_LOADED, fingerprint="0f")
    house.trail.certificate(Kind.CERTIFICATE_REFUSED, fingerprint="0f", reason="it is none")
    assert [(event.kind, event.fingerprint, event.reason) for event in await house.events()] == [
        (Kind.CERTIFICATE_LOADED, "0f", ""),
        (Kind.CERTIFICATE_REFUSED, "0f", "it is none"),
    ]


async def test_tickets_are_there_made_used_and_refused(house: House) -> None:
    SOURCE.set("192.0.2.1")
    text = house.broker.issue_ticket(ALICE, Purpose.SHELL, origin="").reveal()
    assert (await house.broker.redeem_ticket(text, Purpose.SHELL, origin="")).groups == ("now",)
    with pytest.raises(AuthenticationError):
        await house.broker.redeem_ticket(text, Purpose.SHELL, origin="")
    found = [(event.kind, event.principal, event.token, event.action) for event in await house.events()]
    assert found == [
        (Kind.TICKET_ISSUED, "alice", "abc", "shell"),
        (Kind.TICKET_USED, "alice", "abc", "shell"),
        (Kind.AUTH_REFUSED, "", "", ""),
    ]
    assert not [row for row in house.log.rows if text[6:] in row.body]


async def test_wrong_tickets_are_guesses(house: House) -> None:
    SOURCE.set("192.0.2.1")
    for _ in range(AUTH_FAILURES):
        with pytest.raises(AuthenticationError):
            await house.broker.redeem_ticket("whale_x", Purpose.SHELL, origin="")
    text = house.broker.issue_ticket(ALICE, Purpose.SHELL, origin="").reveal()
    with pytest.raises(TooManyAttempts):
        await house.broker.redeem_ticket(text, Purpose.SHELL, origin="")


async def test_what_becomes_of_the_tokens_of_jobs_and_of_their_rules(house: House) -> None:
    row = TokenRow(TokenId("t"), "deploy", bytes(32), 1, 2, groups=("ci",), scope=Scope((Action.EXEC,)), rule="r")
    house.trail.exchanged(row, issuer="https://ci.example", subject="repo:acme/app")
    error = AuthenticationError("no", code="login.denied")
    house.trail.exchange_refused(error, issuer="https://ci.example", subject="repo:acme/evil", reason="deploy: sub")
    house.trail.federation_loaded(["deploy", "test"])
    house.trail.federation_refused("federation[0].name: wrong" + "x" * 2000)
    exchanged, refused, loaded, wrong = await house.events()
    assert (exchanged.kind, exchanged.principal, exchanged.token, exchanged.groups, exchanged.scope) == (
        Kind.EXCHANGED, "deploy", "t", ("ci",), "exec on every container"
    )  # fmt: skip
    assert (exchanged.issuer, exchanged.subject) == ("https://ci.example", "repo:acme/app")
    assert (refused.kind, refused.code, refused.reason) == (Kind.EXCHANGE_REFUSED, "login.denied", "deploy: sub")
    assert (refused.subject, refused.count) == ("repo:acme/evil", None)
    assert (loaded.kind, loaded.reason, loaded.count) == (Kind.FEDERATION_LOADED, "deploy, test", 2)
    assert wrong.kind is Kind.FEDERATION_REFUSED
    assert len(wrong.reason) == 1000
    for _ in range(3 * MAX_AUDIT_REFUSALS):
        house.trail.exchange_refused(error, issuer="", subject="", reason="x")
    assert len(await house.events()) < 4 + 3 * MAX_AUDIT_REFUSALS, "strangers do not fill the disk"


async def test_what_becomes_of_logins(house: House) -> None:
    login = TokenId("l0gin")
    house.trail.logged_in("alice", login, "link")
    house.trail.logged_out("alice", login)
    house.trail.login_reused("alice", login)
    house.trail.login_displaced("alice", login)
    house.trail.login_refused("", AuthenticationError("the provider says no"))
    events = await house.events()
    assert [(event.kind, event.principal, event.token) for event in events] == [
        (Kind.LOGIN, "alice", login),
        (Kind.LOGOUT, "alice", login),
        (Kind.LOGIN_REUSED, "alice", login),
        (Kind.LOGIN_DISPLACED, "alice", login),
        (Kind.LOGIN_REFUSED, "", ""),
    ]
    assert (events[0].reason, events[-1].code) == ("link", "auth.invalid")


async def test_the_life_of_a_recording(house: House) -> None:
    row = recording()
    house.trail.recording_anchored(row)
    await house.trail.recording_finishing(row)()
    await house.trail.recording_expired(row, "it is older than recording.keep")()
    events = await house.events()
    assert [event.kind for event in events] == [
        Kind.RECORDING_ANCHORED,
        Kind.RECORDING_FINISHED,
        Kind.RECORDING_DELETED,
    ]
    assert {(event.session, event.hash) for event in events} == {(row.id, row.state.head)}
    assert [(event.principal, event.count) for event in events[:2]] == [(row.principal, row.state.chunks)] * 2
    assert (events[2].principal, events[2].owner) == ("", row.principal)
    assert events[2].reason == "it is older than recording.keep"


async def test_what_people_do_with_recordings(house: House) -> None:
    row = recording()._replace(label="incident", is_held=True)
    decision = house.judge.decide(BOB, Action.RECORD_KEEP, row.container, None, owner=row.principal)
    house.trail.recordings_listed(BOB, 3)
    house.trail.recordings_searched(BOB, 'drop "table"', 2)
    house.trail.recording_read(decision, row)
    await house.trail.recording_keeping(decision, row)()
    await house.trail.recording_keeping(decision, row._replace(is_held=False))()
    await house.trail.recording_labelling(decision, row)()
    await house.trail.recording_deleting(decision, row)()
    events = await house.events()
    assert [(event.kind, event.count) for event in events[:2]] == [(Kind.ALLOWED, 3), (Kind.RECORDING_SEARCHED, 2)]
    assert events[1].command == ("drop", "table")
    assert [event.kind for event in events[2:]] == [
        Kind.RECORDING_READ,
        Kind.RECORDING_HELD,
        Kind.RECORDING_RELEASED,
        Kind.RECORDING_LABELLED,
        Kind.RECORDING_DELETED,
    ]
    assert {(event.principal, event.session, event.owner) for event in events[2:]} == {("bob", row.id, row.principal)}
    assert (events[5].name, events[6].hash) == ("incident", row.state.head)


async def test_a_session_that_can_not_be_recorded(house: House) -> None:
    session = (await house.sessions.open(ALICE, "web", CAT)).session
    house.trail.recording_failed(session, WhaleError("full", code="recording.unavailable"), "end")
    [event] = [event for event in await house.events() if event.kind is Kind.RECORDING_FAILED]
    assert (event.principal, event.session, event.code, event.reason) == (
        "alice",
        session.id,
        "recording.unavailable",
        "end",
    )
