"""Some requests need a second person: one asks and waits, another one allows exactly that, for a time.

What was allowed is bound to who asked and to everything that the engine will be told. It stands in the database, so
that a session goes on by it under the next server; what only waits lives as long as who asks stays connected.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog

from whale.audit.event import Kind
from whale.audit.mask import mask_command, mask_env, mask_text
from whale.broker.decide import decide
from whale.broker.readers import Readers, Right
from whale.broker.trail import Trail
from whale.broker.waiting import Answer, Waiting, WaitingRoom, settle
from whale.engine.seam import Engine
from whale.model.approval import Approval, ApprovalTimes, digest_request, shown_spec
from whale.model.container import Container
from whale.model.errors import AccessDenied, TargetError, UsageError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.limits import MAX_APPROVAL_TIME
from whale.model.principal import Action, Decision, Principal
from whale.policy.seam import Policy

MIN_TIME: Final = 60
"""Seconds that anything is allowed for at least."""

Tell = Callable[[Approval], None]

_log = structlog.get_logger("whale.broker")


class ApprovalStore(Protocol):
    """Where approvals are that run: `whale.store.approvals` has the real one. Raises `WhaleError`."""

    async def insert(self, approval: Approval, *, at: int) -> None: ...
    async def running(self, *, at: int) -> Sequence[Approval]: ...
    async def delete(self, id: str) -> bool: ...


class Approvals:
    """One per server."""

    def __init__(
        self,
        store: ApprovalStore,
        *,
        engine: Engine,
        policy: Policy,
        readers: Readers,
        trail: Trail | None = None,
        times: ApprovalTimes = ApprovalTimes(),  # noqa: B008
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._engine = engine
        self._policy = policy
        self._readers = readers
        self._trail = trail or Trail()
        self._times = times
        self._clock = clock
        self._room = WaitingRoom()
        self._running: dict[str, Approval] = {}

    async def load(self) -> None:
        """Read again what runs. Raises `WhaleError`; what was known stands then."""
        self.expire()
        before = dict(self._running)
        found = {approval.id: approval for approval in await self._store.running(at=int(self._clock()))}
        # What was given or ended meanwhile may be missing in the answer, or may still be there.
        given = {id: each for id, each in self._running.items() if id not in before}
        self._running = {id: each for id, each in found.items() if id in self._running or id not in before} | given

    def expire(self) -> None:
        """Note which of them have ended by themselves."""
        now = self._clock()
        ended = [each for each in self._running.values() if each.until <= now]
        for each in ended:
            del self._running[each.id]
        self._note_ended(ended)

    def _note_ended(self, ended: Sequence[Approval]) -> None:
        for each in ended:
            self._trail.approval_over(Kind.APPROVAL_ENDED, each, code="approval.over")

    def is_running(self, id: str) -> bool:
        """Whether an approval has been given and has not ended."""
        found = self._running.get(id)
        return found is not None and found.until > self._clock()

    # -- who asks ----------------------------------------------------------------------------------------------

    async def obtain(self, decision: Decision, container: Container, spec: ExecSpec, tell: Tell) -> Approval:
        """Return the approval of a request that needs one. Where there is none, `tell` that it waits, and wait.

        Raises `AccessDenied` (approval.denied, approval.expired), `SessionError` (approval.limit) and what ends the
        right to ask. The caller decides again, because the answer may have taken long.
        """
        principal = decision.principal
        digest = digest_request(principal, decision.action, container, spec)
        running = next((each for each in self._running.values() if each.digest == digest), None)
        if running is not None and self.is_running(running.id):
            return running
        waiting = self._room.find(digest) or self._ask(decision, container, spec, digest)
        answer: Answer = asyncio.get_running_loop().create_future()
        waiting.answers.add(answer)
        code = ""
        try:
            tell(waiting.approval)
            with self._readers.reading(
                Right(principal, decision.action, container, spec), lambda error: settle(answer, error)
            ):
                async with asyncio.timeout(max(0.0, waiting.approval.until - self._clock())):
                    return await answer
        except TimeoutError:
            code = "approval.expired"
            hint = "ask again when there is somebody who may; `whale approvals` is what they use"
            raise AccessDenied("nobody has allowed it in time", code=code, hint=hint) from None
        finally:
            self._leave(waiting, answer, code)

    def _ask(self, decision: Decision, container: Container, spec: ExecSpec, digest: str) -> Waiting:
        now = int(self._clock())
        approval = Approval(
            id=os.urandom(6).hex(),
            asker=decision.principal.name,
            action=decision.action,
            container_id=container.id,
            container=container.name,
            digest=digest,
            asked=now,
            until=now + int(self._times.wait),
            command=tuple(mask_command(spec.command)),
            user=spec.user,
            workdir=spec.workdir,
            env=tuple(mask_env(spec.env)),
            tty=spec.tty,
            privileged=spec.privileged,
            purpose=mask_text(decision.principal.purpose),
        )
        waiting = Waiting(approval, container, spec)
        self._room.add(waiting)
        self._trail.approval_asked(approval, decision, container, spec)
        _log.info("approval.asked", approval=approval.id, principal=approval.asker, container=container.id)
        return waiting

    def _leave(self, waiting: Waiting, answer: Answer, code: str) -> None:
        waiting.answers.discard(answer)
        if not waiting.answers and self._room.take(waiting.approval.id) is not None:
            self._trail.approval_over(Kind.APPROVAL_LAPSED, waiting.approval, code=code)

    # -- who allows --------------------------------------------------------------------------------------------

    async def list(self, principal: Principal) -> list[Approval]:
        """What waits and what runs, as far as the caller may allow it or has asked for it; the oldest first."""
        self.expire()
        found: list[tuple[Approval, ExecSpec]] = [(each.approval, each.spec) for each in self._room.all()]
        found += [(each, shown_spec(each)) for each in self._running.values()]
        if not found:
            return []
        there = {container.id: container for container in await self._engine.containers(all=True)}
        return sorted(
            (
                approval
                for approval, spec in found
                if approval.asker == principal.name or self._may(principal, approval, there, spec)
            ),
            key=lambda approval: approval.asked,
        )

    def _may(
        self, principal: Principal, approval: Approval, there: Mapping[ContainerId, Container], spec: ExecSpec
    ) -> bool:
        container = there.get(approval.container_id)
        if container is None:
            return False
        see = self._policy.decide(principal, Action.LIST, container, None)
        return see.allowed and self._approve(principal, approval, container, spec).allowed

    def _approve(self, principal: Principal, approval: Approval, container: Container, spec: ExecSpec) -> Decision:
        return self._policy.decide(principal, Action.APPROVE, container, spec, owner=approval.asker)

    async def allow(self, principal: Principal, id: str, *, seconds: int | None) -> Approval:
        """Allow what waits, for so many seconds or as long as the server is configured to.

        Raises `TargetError` (approval.not_found), also for what the caller may not allow, and `AccessDenied` for what
        they have asked for themselves.
        """
        length = int(self._times.time) if seconds is None else seconds
        if not MIN_TIME <= length <= MAX_APPROVAL_TIME:
            raise UsageError("this is no time to allow something for", hint="from 1m to 7d")
        waiting = self._room.get(id)
        if waiting is None:
            raise _not_found()
        if waiting.approval.asker == principal.name:
            raise AccessDenied("nobody allows what they ask for themselves", hint="ask somebody else")
        decision = await self._decided(principal, waiting.approval, waiting.spec)
        if self._room.take(id) is None:
            raise _not_found()  # somebody else was faster, or who asked has left
        now = int(self._clock())
        approval = waiting.approval._replace(approver=principal.name, until=now + length)
        try:
            await self._store.insert(approval, at=now)
        except BaseException:
            self._room.put_back(waiting)
            raise
        self._running[id] = approval
        self._trail.approval_decided(Kind.APPROVAL_ALLOWED, approval, decision, waiting.container, waiting.spec)
        _log.info("approval.allowed", approval=id, principal=principal.name, asker=approval.asker)
        waiting.answer(approval)
        return approval

    async def deny(self, principal: Principal, id: str) -> None:
        """Deny what waits, or end what runs; why is the caller's purpose. Raises as `allow`; one's own may be ended."""
        waiting = self._room.get(id)
        approval = waiting.approval if waiting is not None else self._running.get(id)
        if approval is None:
            raise _not_found()
        spec = waiting.spec if waiting is not None else shown_spec(approval)
        if approval.asker == principal.name:
            decision = Decision(True, Action.APPROVE, principal, "it is your own")
        else:
            decision = await self._decided(principal, approval, spec)
        if approval.is_running:
            await self._store.delete(id)
            self._running.pop(id, None)
        elif self._room.take(id) is None:
            raise _not_found()
        self._trail.approval_decided(Kind.APPROVAL_DENIED, approval, decision, None, spec)
        _log.info("approval.denied", approval=id, principal=principal.name, asker=approval.asker)
        if waiting is not None:
            why = f": {principal.purpose}" if principal.purpose else ""
            waiting.answer(AccessDenied(f"{principal.name} has denied it{why}", code="approval.denied"))

    async def _decided(self, principal: Principal, approval: Approval, spec: ExecSpec) -> Decision:
        """Decide about an approver. What they may not allow does not exist for them."""
        try:
            container = await self._engine.container(approval.container_id)
            decide(self._policy, principal, Action.LIST, container, None, trail=self._trail)
            return decide(
                self._policy, principal, Action.APPROVE, container, spec, owner=approval.asker, trail=self._trail
            )
        except (AccessDenied, TargetError) as error:
            raise _not_found() from error


def _not_found() -> WhaleError:
    return TargetError(
        "no such request", code="approval.not_found", hint="`whale approvals` lists those that you may decide"
    )
