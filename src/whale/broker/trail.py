"""What goes into the audit trail, in the words of the use cases. Never a byte of a session's streams.

A trail without a recorder writes nothing: it is for tests of other things.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from whale.access.tokens import account_of
from whale.audit.event import AuditEvent, Kind, timestamp
from whale.audit.mask import mask_command, mask_text
from whale.audit.recorder import Recorder
from whale.broker.allowance import Allowance
from whale.broker.trail_fields import (
    asked,
    decided,
    of_recording,
    of_session,
    of_whole,
    other_owner,
    place,
    place_of,
    who,
)
from whale.model.approval import Approval
from whale.model.container import Container
from whale.model.errors import AccessDenied, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.limits import MAX_AUDIT_REFUSALS
from whale.model.principal import Action, Decision, Principal
from whale.model.recordings import Recording
from whale.model.source import SOURCE
from whale.session.attachment import Attachment
from whale.session.observer import Observer
from whale.session.session import Session
from whale.store.tokens import TokenRow

MAX_TARGET = 255
"""Characters of a name that nothing was found by."""

MAX_PROBLEM = 1000
"""Characters that say what is wrong with a policy."""


class Trail(Observer):
    """One per server. All but `attached` return at once."""

    def __init__(self, recorder: Recorder | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._recorder = recorder
        self._clock = clock
        self._refusals = Allowance(MAX_AUDIT_REFUSALS)

    # -- credentials and decisions -----------------------------------------------------------------------------

    def refused(self, header: str | None, error: WhaleError) -> None:
        """Note a credential that was refused. Of very many, one event stands for all that came before it."""
        count = self._refusals.take(self._clock())
        if count:
            self._note(Kind.AUTH_REFUSED, token=account_of(header), code=error.code, count=count if count > 1 else None)

    def logged_in(self, name: str, login: TokenId, by: str) -> None:
        """Note that somebody logged in, and by what."""
        self._note(Kind.LOGIN, principal=name, token=login, reason=by)

    def logged_out(self, name: str, login: TokenId) -> None:
        """Note that somebody ended a login of theirs."""
        self._note(Kind.LOGOUT, principal=name, token=login)

    def login_reused(self, name: str, login: TokenId) -> None:
        """Note that a login was ended because two have its refresh tokens."""
        self._note(Kind.LOGIN_REUSED, principal=name, token=login)

    def login_displaced(self, name: str, login: TokenId) -> None:
        """Note that a login was ended because its person has begun too many others."""
        self._note(Kind.LOGIN_DISPLACED, principal=name, token=login)

    def login_refused(self, name: str, error: WhaleError) -> None:
        """Note a login with the provider that came to nothing; `name` is empty where nobody is known."""
        count = self._refusals.take(self._clock())
        if count:
            self._note(Kind.LOGIN_REFUSED, principal=name, code=error.code, count=count if count > 1 else None)

    def exchanged(self, row: TokenRow, *, issuer: str, subject: str) -> None:
        """Note that a job got a token for its own."""
        about = {"groups": row.groups, "scope": str(row.scope) if row.scope else ""}
        self._note(Kind.EXCHANGED, principal=row.name, token=row.id, issuer=issuer, subject=subject, **about)

    def exchange_refused(self, error: WhaleError, *, issuer: str, subject: str, reason: str) -> None:
        """Note that a job's token was refused; issuer and subject are empty where nothing was proved."""
        count = self._refusals.take(self._clock())
        if count:
            about = {
                "code": error.code,
                "reason": mask_text(reason[:MAX_PROBLEM]),
                "issuer": issuer,
                "subject": subject,
            }
            self._note(Kind.EXCHANGE_REFUSED, **about, count=count if count > 1 else None)

    def denied(self, decision: Decision, container: Container | None, spec: ExecSpec | None, *, owner: str) -> None:
        """Note that the policy said no."""
        self._note(Kind.DENIED, **decided(decision), container=place(container), **asked(spec), owner=owner)

    def allowed(self, decision: Decision, container: Container | None) -> None:
        """Note that the policy said yes to something that begins no session."""
        self._note(Kind.ALLOWED, **decided(decision), container=place(container))

    def listed(self, principal: Principal, count: int) -> None:
        """Note that somebody asked what is there, and how many containers the policy let them see."""
        self._note(Kind.ALLOWED, **who(principal), action=Action.LIST.value, count=count)

    @contextmanager
    def asking(self, principal: Principal, action: Action, target: str) -> Iterator[None]:
        """Note what fails inside before anything was decided."""
        try:
            yield
        except AccessDenied:
            raise  # whoever decided has noted it
        except WhaleError as error:
            named = mask_text(target[:MAX_TARGET])
            self._note(Kind.FAILED, **who(principal), action=action.value, target=named, code=error.code)
            raise

    # -- approvals ---------------------------------------------------------------------------------------------

    def approval_asked(self, approval: Approval, decision: Decision, container: Container, spec: ExecSpec) -> None:
        """Note that somebody waits for one."""
        about = {**decided(decision), **asked(spec), "approval": approval.id, "until": timestamp(approval.until)}
        self._note(Kind.APPROVAL_ASKED, **about, container=place(container))

    def approval_decided(
        self, kind: Kind, approval: Approval, decision: Decision, container: Container | None, spec: ExecSpec
    ) -> None:
        """Note who has allowed or denied what to whom, and until when."""
        about = {**decided(decision), **asked(spec), "approval": approval.id, "owner": approval.asker}
        if kind is Kind.APPROVAL_ALLOWED:
            about["until"] = timestamp(approval.until)
        self._note(kind, **about, container=place(container) or place_of(approval))

    def approval_over(self, kind: Kind, approval: Approval, *, code: str) -> None:
        """Note that nobody waits for one any more, or that it has ended."""
        about = {"principal": approval.asker, "action": approval.action.value, "approval": approval.id, "code": code}
        self._note(kind, **about, container=place_of(approval))

    # -- sessions ----------------------------------------------------------------------------------------------

    def opening(self, session: Session) -> Callable[[], Awaitable[None]]:
        """Begin to write that a session is about to start.

        What it returns waits for that, and raises `WhaleError` (audit.unavailable) when the session must not start.
        """
        return self._begin(Kind.OPENED, **decided(session.decision), **of_session(session), **asked(session.spec))

    async def attached(self, principal: Principal, session: Session, decision: Decision, role: str) -> None:
        """Write that somebody is about to be let into a session. Raises as the permit does."""
        owner = other_owner(session, principal)
        await self._begin(Kind.ATTACHED, **decided(decision), **of_session(session), owner=owner, role=role)()

    def resumed(self, decision: Decision, session: Session) -> None:
        """Note that a client is back."""
        self._note(Kind.RESUMED, **decided(decision), **of_session(session))

    def changed_role(self, decision: Decision, attachment: Attachment) -> None:
        """Note who has the keyboard now."""
        self._note(Kind.ROLE, **decided(decision), **of_session(attachment.session), role=attachment.role.value)

    def killed(self, decision: Decision, session: Session) -> None:
        """Note who ended a session."""
        owner = other_owner(session, decision.principal)
        self._note(Kind.KILLED, **decided(decision), **of_session(session), owner=owner)

    def revoked(self, principal: Principal, session: Session, reason: str) -> None:
        """Note that somebody loses a session, or a place in one, with the credential."""
        owner = other_owner(session, principal)
        self._note(Kind.REVOKED, **who(principal), **of_session(session), owner=owner, code=reason)

    def withdrawn(self, denied: Decision, session: Session, reason: str) -> None:
        """Note that somebody loses one because the policy does not allow it any more."""
        owner = other_owner(session, denied.principal)
        self._note(Kind.REVOKED, **decided(denied), **of_session(session), owner=owner, code=reason)

    def reader_revoked(self, principal: Principal, action: Action, container: Container, reason: str) -> None:
        """Note that somebody follows a log no more, or waits no more, because the credential is good no more."""
        self._note(Kind.REVOKED, **who(principal), action=action.value, container=place(container), code=reason)

    def reader_withdrawn(self, denied: Decision, container: Container, reason: str) -> None:
        """Note the same because the policy does not allow it any more."""
        self._note(Kind.REVOKED, **decided(denied), container=place(container), code=reason)

    # -- recordings --------------------------------------------------------------------------------------------

    def recording_anchored(self, recording: Recording) -> None:
        """Note the hash of what is whole of one that goes on."""
        self._note(Kind.RECORDING_ANCHORED, **of_whole(recording))

    def recording_finishing(self, recording: Recording) -> Callable[[], Awaitable[None]]:
        """Begin to write the hash of a whole one. Wait as for a permit."""
        return self._begin(Kind.RECORDING_FINISHED, **of_whole(recording))

    def recording_failed(self, session: Session, error: WhaleError, then: str) -> None:
        """Note that one can't be written, and what becomes of its session."""
        about = {**who(session.decision.principal), **of_session(session)}
        self._note(Kind.RECORDING_FAILED, **about, code=error.code, reason=then)

    def recording_expired(self, recording: Recording, reason: str) -> Callable[[], Awaitable[None]]:
        """Begin to write that one is deleted because it is too old, or there is too much. Wait as for a permit."""
        return self._begin(
            Kind.RECORDING_DELETED,
            session=recording.id,
            container=place(recording.container),
            owner=recording.principal,
            reason=reason,
            hash=recording.state.head,
        )

    def recordings_listed(self, principal: Principal, count: int) -> None:
        """Note that somebody asked which recordings there are, and how many the policy let them see."""
        self._note(Kind.ALLOWED, **who(principal), action=Action.RECORD_READ.value, count=count)

    def recordings_searched(self, principal: Principal, query: str, count: int) -> None:
        """Note what somebody searched for in what was recorded, and how many lines they were shown."""
        said = mask_text(" ".join(mask_command(query.replace('"', " ").split())))
        self._note(
            Kind.RECORDING_SEARCHED,
            **who(principal),
            action=Action.RECORD_READ.value,
            command=tuple(mask_command(said.split())),
            count=count,
        )

    def recording_read(self, decision: Decision, recording: Recording) -> None:
        """Note who looks at what."""
        self._note(Kind.RECORDING_READ, **decided(decision), **of_recording(recording, decision.principal))

    def recording_deleting(self, decision: Decision, recording: Recording) -> Callable[[], Awaitable[None]]:
        """Begin to write who deletes what; what it returns waits for that and raises as the permit of `opening`."""
        about = of_recording(recording, decision.principal)
        return self._begin(Kind.RECORDING_DELETED, **decided(decision), **about, hash=recording.state.head)

    def recording_keeping(self, decision: Decision, recording: Recording) -> Callable[[], Awaitable[None]]:
        """Begin to write who holds one, or lets it go. As `recording_deleting` otherwise."""
        kind = Kind.RECORDING_HELD if recording.is_held else Kind.RECORDING_RELEASED
        return self._begin(kind, **decided(decision), **of_recording(recording, decision.principal))

    def recording_labelling(self, decision: Decision, recording: Recording) -> Callable[[], Awaitable[None]]:
        """Begin to write by what one is kept from now on. As `recording_deleting` otherwise."""
        about = of_recording(recording, decision.principal)
        return self._begin(Kind.RECORDING_LABELLED, **decided(decision), **about, name=recording.label)

    # -- Observer ----------------------------------------------------------------------------------------------

    def session_adopted(self, session: Session) -> None:
        """Note that it goes on."""
        self._note(Kind.ADOPTED, **who(session.decision.principal), **of_session(session))

    def session_ended(self, session: Session) -> None:
        """Note how it ended, and its bytes."""
        status, failure = session.status, session.failure
        self._note(
            Kind.ENDED,
            **who(session.decision.principal),
            **of_session(session),
            status=status.code if status is not None else None,
            code=failure.code if failure is not None else status.reason if status is not None else "",
            bytes_in=session.bytes_in,
            bytes_out=session.bytes_out,
            seconds=round(max(0.0, self._clock() - session.started), 3),
        )

    def unseen(self, opened: AuditEvent) -> None:
        """Note that a session is over whose end no server saw, because it was killed."""
        self._note(
            Kind.ENDED,
            principal=opened.principal,
            token=opened.token,
            session=opened.session,
            name=opened.name,
            container=opened.container,
            code="session.gone",
        )

    def attachment_lost(self, attachment: Attachment) -> None:
        """Note that its connection broke."""
        self._of(attachment, Kind.LOST)

    def attachment_detached(self, attachment: Attachment) -> None:
        """Note that it left."""
        self._of(attachment, Kind.DETACHED)

    # -- the server --------------------------------------------------------------------------------------------

    def server(self, kind: Kind) -> None:
        """Note that it starts or stops."""
        self._note(kind)

    def policies_loaded(self, count: int) -> None:
        """Note that so many policies are in force, and no others."""
        self._note(Kind.POLICY_LOADED, count=count)

    def policies_refused(self, problem: str) -> None:
        """Note that a change of the policies was refused, and what is wrong with it."""
        self._note(Kind.POLICY_REFUSED, reason=mask_text(problem[:MAX_PROBLEM]))

    def federation_loaded(self, rules: Collection[str]) -> None:
        """Note that these federation rules are in force, and no others."""
        self._note(Kind.FEDERATION_LOADED, reason=mask_text(", ".join(rules)[:MAX_PROBLEM]), count=len(rules))

    def federation_refused(self, problem: str) -> None:
        """Note that a change of the federation rules was refused, and what is wrong with it."""
        self._note(Kind.FEDERATION_REFUSED, reason=mask_text(problem[:MAX_PROBLEM]))

    def ticket(self, kind: Kind, principal: Principal, purpose: str) -> None:
        """Note that a ticket was made or used."""
        self._note(kind, **who(principal), action=purpose)

    def certificate(self, kind: Kind, *, fingerprint: str, reason: str = "") -> None:
        """Note what became of a new TLS certificate."""
        self._note(kind, fingerprint=fingerprint, reason=reason)

    def _of(self, attachment: Attachment, kind: Kind, **fields: Any) -> None:
        self._note(kind, **who(attachment.principal), **of_session(attachment.session), **fields)

    def _note(self, kind: Kind, **fields: Any) -> None:
        if self._recorder is not None:
            self._recorder.note(self._event(kind, fields))

    def _begin(self, kind: Kind, **fields: Any) -> Callable[[], Awaitable[None]]:
        return self._recorder.begin(self._event(kind, fields)) if self._recorder is not None else _at_once

    def _event(self, kind: Kind, fields: dict[str, Any]) -> AuditEvent:
        return AuditEvent(time=timestamp(self._clock()), kind=kind, source=SOURCE.get(), **fields)


async def _at_once() -> None:
    """There is nothing to wait for."""
