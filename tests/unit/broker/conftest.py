"""A broker in front of a fake engine, with a policy that can be told what to say."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from whale.broker.broker import Broker
from whale.engine.fake import FakeEngine
from whale.engine.seam import EndPolicy
from whale.model.container import Container
from whale.model.errors import AuthenticationError
from whale.model.exec import ExecSpec
from whale.model.ids import TokenId
from whale.model.principal import Action, Decision, Principal
from whale.session.registry import Registry

ALICE = Principal("alice", TokenId("abc"))


class Doorman:
    """Knows one credential."""

    async def authenticate(self, header: str | None) -> Principal:
        if header != "Bearer good":
            raise AuthenticationError("no")
        return ALICE


class Asked(NamedTuple):
    action: Action
    container: str
    spec: ExecSpec | None


class Judge:
    """A policy that remembers what it was asked."""

    def __init__(self) -> None:
        self.allows = True
        self.asked: list[Asked] = []

    def decide(
        self, principal: Principal, action: Action, container: Container | None, spec: ExecSpec | None
    ) -> Decision:
        self.asked.append(Asked(action, container.id if container else "", spec))
        return Decision(self.allows, action, principal, "because")


class House(NamedTuple):
    broker: Broker
    engine: FakeEngine
    judge: Judge
    registry: Registry


@pytest.fixture
async def house() -> AsyncIterator[House]:
    engine = FakeEngine.from_url("fake://web,db", name="local")
    judge = Judge()
    async with Registry(end=EndPolicy(hup=0.1, term=0.1, kill=1.0)) as registry:
        broker = Broker(engine=engine, authenticator=Doorman(), policy=judge, registry=registry)
        yield House(broker, engine, judge, registry)
    await engine.aclose()
