"""A broker in front of a fake engine, with a policy that can be told what to say."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import pytest

from whale.broker.approvals import Approvals
from whale.broker.broker import Broker
from whale.broker.sessions import SessionBroker
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.approval import Approval
from whale.model.container import Container
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Need, Principal
from whale.session.registry import Registry

ALICE = Principal("alice", TokenId("abc"))
BOB = Principal("bob", TokenId("def"))


class Doorman:
    """Knows one credential."""

    knows_principals = True

    async def authenticate(self, header: str | None) -> Principal:
        if header != "Bearer good":
            raise AuthenticationError("no")
        return ALICE

    async def recheck(self, principal: Principal) -> Principal:
        if not self.knows_principals:
            raise AuthenticationError("no", is_spent=True)
        return principal._replace(groups=("now",))


class Asked(NamedTuple):
    action: Action
    container: str
    spec: ExecSpec | None


class Judge:
    """A policy that remembers what it was asked."""

    def __init__(self) -> None:
        self.generation = 0
        self.changes_by_itself = False
        self.allows = True
        self.denied: set[tuple[str, Action]] = set()
        self.others: set[Action] = set()
        """What may be done with the sessions of others."""
        self.hidden: set[str] = set()
        """Names of containers that nobody may list."""
        self.asked: list[Asked] = []
        """Everything but whether a container may be listed."""
        self.purposes: list[str] = []
        self.approvable: set[tuple[str, Action]] = set()
        """What somebody else has to allow."""

    def decide(
        self,
        principal: Principal,
        action: Action,
        container: Container | None,
        spec: ExecSpec | None,
        *,
        owner: str = "",
    ) -> Decision:
        self.purposes.append(principal.purpose)
        if action is Action.LIST:
            assert container is not None
            return Decision(container.name not in self.hidden, action, principal, "hidden or not", ("sight",))
        self.asked.append(Asked(action, container.id if container is not None else "", spec))
        allows = (
            self.allows
            and (principal.name, action) not in self.denied
            and (not owner or owner == principal.name or action in {*self.others, Action.APPROVE})
        )
        if allows and (principal.name, action) in self.approvable:
            return Decision(False, action, principal, "because", ("judge",), Need.APPROVAL)
        return Decision(allows, action, principal, "because", ("judge",))

    def missing(self, decision: Decision) -> tuple[str, ...]:
        return () if decision.allowed else ("a good reason",)

    def may_list(self, principal: Principal, containers: Sequence[Container]) -> list[bool]:
        return [container.name not in self.hidden for container in containers]


class Shelf:
    """A table of approvals in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Approval] = {}
        self.error: WhaleError | None = None

    async def insert(self, approval: Approval, *, at: int) -> None:
        self._check()
        self.rows[approval.id] = approval

    async def running(self, *, at: int) -> list[Approval]:
        self._check()
        return [each for each in self.rows.values() if each.until > at]

    async def delete(self, id: str) -> bool:
        self._check()
        return self.rows.pop(id, None) is not None

    def _check(self) -> None:
        if self.error is not None:
            raise self.error


class House(NamedTuple):
    broker: Broker
    sessions: SessionBroker
    engine: FakeEngine
    judge: Judge
    registry: Registry
    approvals: Approvals
    shelf: Shelf


@pytest.fixture
async def house() -> AsyncIterator[House]:
    engine = FakeEngine.from_url("fake://web,db", name="local")
    judge = Judge()
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        broker = Broker(engine=engine, authenticator=Doorman(), policy=judge)
        shelf = Shelf()
        approvals = Approvals(shelf, engine=engine, policy=judge, readers=broker.readers)
        sessions = SessionBroker(engine=engine, policy=judge, registry=registry, approvals=approvals)
        yield House(broker, sessions, engine, judge, registry, approvals, shelf)
    await engine.aclose()
