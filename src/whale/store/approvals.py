"""The table of approvals that run. What has ended is deleted; the audit trail knows of it."""

import json
from typing import Final

from sqlalchemy import Row, delete, insert, select

from whale.model.approval import Approval
from whale.model.errors import WhaleError
from whale.model.ids import ContainerId
from whale.model.principal import Action
from whale.store.database import Database
from whale.store.schema import approvals

_SHOWN: Final = ("command", "user", "workdir", "env", "tty", "privileged", "purpose")


class ApprovalTable:
    """Queries on the approvals of one database. All raise `WhaleError` when it fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, approval: Approval, *, at: int) -> None:
        """Add one that somebody has given. Those that have ended at that time make room."""
        values = approval._asdict()
        shown = {name: values.pop(name) for name in _SHOWN}
        async with self._database.write() as connection:
            await connection.execute(delete(approvals).where(approvals.c.until <= at))
            await connection.execute(insert(approvals).values(**values, shown=json.dumps(shown)))

    async def running(self, *, at: int) -> list[Approval]:
        """Those that have not ended at that time, the oldest first."""
        statement = select(approvals).where(approvals.c.until > at).order_by(approvals.c.asked, approvals.c.id)
        async with self._database.read() as connection:
            return [_approval(found) for found in await connection.execute(statement)]

    async def delete(self, id: str) -> bool:
        """End one. False when there is none."""
        async with self._database.write() as connection:
            return bool((await connection.execute(delete(approvals).where(approvals.c.id == id))).rowcount)


def _approval(found: Row[tuple[object, ...]]) -> Approval:
    values = dict(found._mapping)
    try:
        shown = json.loads(str(values.pop("shown")))
        made = Approval(**values, **shown)
        return made._replace(
            action=Action(made.action),
            container_id=ContainerId(made.container_id),
            command=tuple(made.command),
            env=tuple(made.env),
        )
    except (ValueError, TypeError) as error:
        raise WhaleError("an approval can't be read", code="server.database", detail=str(error)) from error
