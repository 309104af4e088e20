"""The use cases of sessions: open, come back, join, list, kill. Who, which container, may they; then do it.

What somebody may not see does not exist for them: another principal's session is not found, and not denied.
"""

import asyncio
from collections.abc import Mapping

import structlog

from whale.access.guard import check_spec
from whale.broker.approvals import Approvals, Tell
from whale.broker.decide import ROLE_ACTIONS, approved, decide, require_allowed
from whale.broker.resolve import find_container, require_running
from whale.broker.trail import Trail
from whale.engine.seam import Engine
from whale.model.approval import Approval
from whale.model.container import Container
from whale.model.errors import SessionError
from whale.model.exec import ExecSpec, Stream
from whale.model.limits import WINDOW_PIPE
from whale.model.principal import Action, Decision, Need, Principal
from whale.model.role import Role
from whale.model.terminal import TerminalSize
from whale.model.turns import Turns
from whale.policy.seam import Policy
from whale.session.attachment import Attachment
from whale.session.registry import Registry
from whale.session.session import Session

_log = structlog.get_logger("whale.broker")


def _tell_nobody(approval: Approval) -> None:
    """Who asks does not hear that it waits."""


class SessionBroker:
    """One per server. Every method takes first who acts."""

    def __init__(
        self,
        *,
        engine: Engine,
        policy: Policy,
        registry: Registry,
        approvals: Approvals,
        trail: Trail | None = None,
    ) -> None:
        self._engine = engine
        self._approvals = approvals
        self._policy = policy
        self._registry = registry
        self._trail = trail or Trail()

    async def open(
        self,
        principal: Principal,
        reference: str,
        spec: ExecSpec,
        *,
        window: int = WINDOW_PIPE,
        key: str = "",
        name: str = "",
        tell: Tell = _tell_nobody,
    ) -> Attachment:
        """Start a command or a shell in a container and attach the caller as its controller.

        What needs an approval waits for one, and `tell` hears of that. `window` is how many bytes of one stream the
        caller lets be unacknowledged. `key`, which the caller made up, is what it comes back with; a second call with
        the same one finds the session that the first one started. So does the `name` of a session that the caller has
        already. The caller must `close`, `detach` or `lose` what it gets. Raises `UsageError`, `TargetError`,
        `AccessDenied`, `ExecError`, `SessionError` and `EngineError`; nothing is left behind then.
        """
        if (known := self._known(principal, key)) is not None:
            return await self._ask_again(principal, known, size=spec.size)
        action = Action.EXEC if spec.command else Action.SHELL
        with self._trail.asking(principal, action, reference):
            spec = check_spec(spec)
            container = await find_container(self._engine, self._policy, principal, reference, trail=self._trail)
        if (known := self._known(principal, key)) is not None:  # it has asked on another connection meanwhile
            return await self._ask_again(principal, known, size=spec.size)
        if name and (named := self._registry.find_named(principal, name)) is not None:
            if named.container.id != container.id or named.spec.tty != spec.tty:
                raise SessionError(
                    f"your session {name} is something else", code="session.conflict", hint="`whale sessions` lists it"
                )
            return await self._join(principal, named, role=Role.CONTROLLER, key=key, size=spec.size)
        decision, container = await self._decide_to_start(principal, action, container, spec, tell)
        if (known := self._known(principal, key)) is not None:  # as above: an approval may take long
            return await self._ask_again(principal, known, size=spec.size)
        with self._trail.asking(principal, action, reference):
            require_running(container)
            # By id from here on: a name could belong to another container by now.
            attached = self._registry.create(
                self._engine,
                container,
                spec,
                decision=decision,
                window=window,
                key=key,
                name=name,
                ask=self._trail.opening,
            )
        await _started(attached)
        _log.info(
            "session.opened",
            session=attached.session.id,
            principal=principal.name,
            container=container.id,
            action=action.value,
            tty=spec.tty,
        )
        return attached

    async def _decide_to_start(
        self, principal: Principal, action: Action, container: Container, spec: ExecSpec, tell: Tell
    ) -> tuple[Decision, Container]:
        """Decide, after somebody's approval where the policy wants one. Returns the container as it is then."""
        decision = self._policy.decide(principal, action, container, spec)
        if decision.need is Need.APPROVAL:
            require_running(container)
            approval = await self._approvals.obtain(decision, container, spec, tell)
            container = await find_container(self._engine, self._policy, principal, container.id, trail=self._trail)
            decision = self._policy.decide(principal, action, container, spec)
            if decision.need is Need.APPROVAL:
                decision = approved(decision, approval)
        return require_allowed(decision, container, spec, trail=self._trail), container

    async def resume(
        self,
        principal: Principal,
        key: str,
        *,
        received: Mapping[Stream, int],
        consumed: Mapping[Stream, int],
        size: TerminalSize | None = None,
    ) -> Attachment:
        """Attach a caller again whose connection broke, at the bytes it has `received`; it is done with the `consumed`.

        The caller must `close`, `detach` or `lose` the attachment. Raises `SessionError`, `AccessDenied`,
        `ProtocolError` for bytes that were never sent, and what `open` raises for a command that did not start.
        """
        found = self._registry.find_attachment(principal, key)
        if found is None:
            raise SessionError("the session is over, or there never was one", code="session.gone")
        decision = self._may_return(principal, found)
        resumed = found.session.attendance.resume(found, received=received, consumed=consumed, size=size)
        return await self._resumed(decision, resumed)

    async def join(
        self, principal: Principal, reference: str, *, role: Role, key: str, size: TerminalSize | None
    ) -> Attachment:
        """Attach a caller to a session that is there, by id, id prefix or name. As `open` otherwise."""
        if (known := self._known(principal, key)) is not None:
            return await self._ask_again(principal, known, size=size)
        with self._trail.asking(principal, ROLE_ACTIONS[role], reference):
            session = self.find(principal, reference)
        return await self._join(principal, session, role=role, key=key, size=size)

    def change_role(self, principal: Principal, attachment: Attachment, role: Role) -> None:
        """Give the caller the keyboard or take it away. Raises `AccessDenied` and `SessionError`."""
        session = attachment.session
        decision = self._decide(_as_before(principal, attachment), ROLE_ACTIONS[role], session)
        session.attendance.change_role(attachment, role)
        self._trail.changed_role(decision, attachment)

    def give_up(self, principal: Principal, key: str) -> None:
        """End the attachment of a caller who left for good while it was being opened or resumed."""
        found = self._registry.find_attachment(principal, key) if key else None
        if found is not None:
            found.session.attendance.give_up(found)

    async def list(self, principal: Principal) -> list[Session]:
        """List the sessions that the caller may look at, the oldest first."""
        found: list[Session] = []
        turns = Turns()
        for session in self._registry.sessions():
            if self._may(principal, Action.VIEW, session):
                found.append(session)
            await turns.give()
        return sorted(found, key=lambda session: session.started)

    def find(self, principal: Principal, reference: str) -> Session:
        """Find one session by id, name or unique id prefix, in this order. Raises `SessionError`.

        All that is the caller's own comes first: nobody can take a reference to it by a name.
        """
        ways = [[s for s in fits if self._may(principal, Action.VIEW, s)] for fits in self._registry.find(reference)]
        own = [[session for session in fits if session.owner == principal.name] for fits in ways]
        fits = next(filter(None, (*own, *ways)), [])
        found = [session for session in fits if not session.is_over] or fits
        if not found:
            raise SessionError(
                "no such session", code="session.not_found", hint="`whale sessions` lists those that you may see"
            )
        if len(found) > 1:
            raise SessionError("more than one session fits", code="session.ambiguous", hint="give more of its id")
        return found[0]

    def can(self, principal: Principal, action: Action, reference: str) -> tuple[Decision, tuple[str, ...]]:
        """Say what would be decided about a session, and what is missing. Raises `SessionError` as `find` does."""
        session = self.find(principal, reference)
        decision = self._policy.decide(principal, action, session.container, session.spec, owner=session.owner)
        return decision, self._policy.missing(decision)

    def kill(self, principal: Principal, reference: str) -> Session:
        """End a session and everything that runs in it. Raises `SessionError` and `AccessDenied`."""
        with self._trail.asking(principal, Action.KILL, reference):
            session = self.find(principal, reference)
        decision = self._decide(principal, Action.KILL, session)
        _log.info("session.killed", session=session.id, principal=principal.name)
        self._trail.killed(decision, session)
        session.end(reason="session.killed")
        return session

    def _decide(self, principal: Principal, action: Action, session: Session) -> Decision:
        return decide(
            self._policy, principal, action, session.container, session.spec, owner=session.owner, trail=self._trail
        )

    def _may(self, principal: Principal, action: Action, session: Session) -> bool:
        return self._policy.decide(principal, action, session.container, session.spec, owner=session.owner).allowed

    async def _join(
        self, principal: Principal, session: Session, *, role: Role, key: str, size: TerminalSize | None
    ) -> Attachment:
        decision = self._decide(principal, ROLE_ACTIONS[role], session)
        await session.wait_started()
        await self._trail.attached(principal, session, decision, role.value)
        if (known := self._known(principal, key)) is not None:  # as in `open`
            return await self._ask_again(principal, known, size=size)
        with self._trail.asking(principal, ROLE_ACTIONS[role], session.id):
            joined = session.attendance.attach(principal, role=role, key=key, size=size, joins=True)
        _log.info("session.joined", session=session.id, principal=principal.name, role=role.value)
        return joined

    def _known(self, principal: Principal, key: str) -> Attachment | None:
        """Find what a caller has that asks again, because the answer was lost."""
        return self._registry.find_attachment(principal, key) if key else None

    async def _ask_again(self, principal: Principal, known: Attachment, *, size: TerminalSize | None) -> Attachment:
        decision = self._may_return(principal, known)
        return await self._resumed(decision, known.session.attendance.ask_again(known, size=size))

    def _may_return(self, principal: Principal, known: Attachment) -> Decision:
        """Raise `AccessDenied` when the policy's answer is another one now."""
        return self._decide(_as_before(principal, known), ROLE_ACTIONS[known.role], known.session)

    async def _resumed(self, decision: Decision, resumed: Attachment) -> Attachment:
        session = resumed.session
        try:
            await session.wait_started()  # the connection may have broken before it had
        except asyncio.CancelledError:
            resumed.lose()
            raise
        _log.info("session.resumed", session=session.id, principal=decision.principal.name)
        self._trail.resumed(decision, session)
        return resumed


def _as_before(principal: Principal, known: Attachment) -> Principal:
    """Who comes back need not say again why."""
    return principal._replace(purpose=principal.purpose or known.principal.purpose)


async def _started(attachment: Attachment) -> None:
    """Wait until the command runs. Lets go of the attachment when it does not, or when nobody waits any more."""
    try:
        await attachment.session.wait_started()
        _check_started(attachment.session)
    except asyncio.CancelledError:
        attachment.lose()  # the connection broke meanwhile; the caller may come back
        raise
    except BaseException:
        attachment.close()
        raise


def _check_started(session: Session) -> None:
    if session.failure is not None:
        raise session.failure
    if session.is_over and session.status is not None and session.status.is_lost:
        raise SessionError("the session ended before it began", code=session.status.reason)
