"""Who is told what becomes of sessions: the audit trail. It is told, and never asked; it must not raise or wait."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from whale.session.attachment import Attachment
    from whale.session.session import Session


class Observer:
    """Told after the fact, by who did it. This one forgets."""

    def session_adopted(self, session: "Session") -> None:
        """A session of an earlier server goes on here."""

    def session_ended(self, session: "Session") -> None:
        """It is over, and how is known."""

    def attachment_lost(self, attachment: "Attachment") -> None:
        """A connection broke, and its client is waited for."""

    def attachment_detached(self, attachment: "Attachment") -> None:
        """A client left, and the session goes on."""


NO_OBSERVER: Final = Observer()
