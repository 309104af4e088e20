"""An audit trail in memory, for tests of what goes into one."""

import asyncio
from collections.abc import Callable, Sequence

from whale.audit.chain import Verifier
from whale.audit.event import AuditEvent, decode_event
from whale.model.audit import NO_EVENT, AuditMark, AuditRow
from whale.model.errors import WhaleError


class Memory:
    """A log that can be made to fail, or to hang."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.head = NO_EVENT
        self.batches = 0
        self.is_full = False
        self.is_lost = False
        """It fails when all is done."""
        self.open = asyncio.Event()
        self.open.set()

    async def append(
        self,
        link: Callable[[AuditMark], Sequence[AuditRow]],
        *,
        mark: Callable[[AuditRow], AuditMark],
        unless: AuditMark | None = None,
    ) -> AuditMark:
        await self.open.wait()
        if self.is_full:
            raise WhaleError("full", code="server.disk_full")
        if unless is not None and any(mark(row) == unless for row in self.rows):
            return unless
        rows = link(self.head)
        self.rows += rows
        self.head = mark(rows[-1])
        self.batches += 1
        if self.is_lost:
            raise WhaleError("cut off after the commit", code="server.database")
        return self.head

    @property
    def events(self) -> list[AuditEvent]:
        return [decode_event(row.body) for row in self.rows]

    @property
    def who(self) -> list[str]:
        return [event.principal for event in self.events]

    def verify(self) -> None:
        verifier = Verifier()
        for row in self.rows:
            verifier.check(row)
        verifier.finish(self.head)
