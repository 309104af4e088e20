"""Numbers for the metrics, and a line in the log, of sessions that are over."""

import time
from collections import Counter

import structlog

from whale.session.session import Session

_log = structlog.get_logger("whale.session")


class Totals:
    """What all sessions of a server add up to; bytes are those of sessions that are over."""

    def __init__(self) -> None:
        self.opened = 0
        self.ended: Counter[str] = Counter()
        """By how they ended: `exited`, `failed`, or the reason of the loss."""
        self.bytes_in = 0
        self.bytes_out = 0

    def add(self, session: Session) -> None:
        """Count one that is over."""
        status = session.status
        how = "failed" if status is None else status.reason if status.is_lost else "exited"
        self.ended[how] += 1
        self.bytes_in += session.bytes_in
        self.bytes_out += session.bytes_out
        _log.info(
            "session.ended",
            session=session.id,
            principal=session.owner,
            container=session.container.id,
            how=session.failure.code if session.failure is not None else how,
            status=status.code if status is not None else None,
            bytes_in=session.bytes_in,
            bytes_out=session.bytes_out,
            seconds=round(time.time() - session.started, 3),
        )
