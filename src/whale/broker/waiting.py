"""The requests that wait for somebody to allow them. In memory alone: they live as long as who asks stays."""

import asyncio
from typing import Final

from whale.model.approval import Approval
from whale.model.container import Container
from whale.model.errors import SessionError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_APPROVALS_WAITING, MAX_APPROVALS_WAITING_EACH

Answer = asyncio.Future[Approval]

_HINT: Final = "wait until some of them are decided, or give them up with Ctrl-C"


class Waiting:
    """One request. The same one asked twice, as after a connection that broke, is one."""

    def __init__(self, approval: Approval, container: Container, spec: ExecSpec) -> None:
        self.approval = approval
        self.container = container
        self.spec = spec
        """As it will be given to the engine: nothing of it is masked."""
        self.answers: set[Answer] = set()

    def answer(self, result: Approval | WhaleError) -> None:
        """Let everybody who asked go on, or tell them why not."""
        for each in self.answers:
            settle(each, result)


def settle(answer: Answer, result: Approval | WhaleError) -> None:
    """Give one who waits the answer, unless there is one already."""
    if answer.done():
        return
    if isinstance(result, WhaleError):
        answer.set_exception(result)
    else:
        answer.set_result(result)


class WaitingRoom:
    """Finds them by id and by what exactly is asked."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}

    def all(self) -> list[Waiting]:
        """All of them, the oldest first."""
        return list(self._waiting.values())

    def get(self, id: str) -> Waiting | None:
        """Find one by its id."""
        return self._waiting.get(id)

    def find(self, digest: str) -> Waiting | None:
        """Find one by what is asked."""
        return next((each for each in self._waiting.values() if each.approval.digest == digest), None)

    def add(self, waiting: Waiting) -> None:
        """Take one in. Raises `SessionError` (approval.limit) when there are too many, in all or of one asker."""
        of_asker = sum(each.approval.asker == waiting.approval.asker for each in self._waiting.values())
        if of_asker >= MAX_APPROVALS_WAITING_EACH or len(self._waiting) >= MAX_APPROVALS_WAITING:
            raise SessionError("too many requests wait for an approval", code="approval.limit", hint=_HINT)
        self._waiting[waiting.approval.id] = waiting

    def take(self, id: str) -> Waiting | None:
        """Take one out, to answer it."""
        return self._waiting.pop(id, None)

    def put_back(self, waiting: Waiting) -> None:
        """Take one in again whose answer came to nothing, if somebody still waits for it."""
        if waiting.answers:
            self._waiting[waiting.approval.id] = waiting
