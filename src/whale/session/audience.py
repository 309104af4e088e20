"""Who is attached to a session: which of them write, whose terminal answers, which bytes somebody still needs.

Pure bookkeeping; the session acts on it.
"""

from itertools import count

from whale.model.exec import Stream
from whale.model.terminal import TerminalSize
from whale.session.attachment import Attachment

MAX_SOURCES = 15
"""Writers that a session tells apart; one more number is the session's own."""

NO_SOURCE = MAX_SOURCES + 1
"""The number of those who have not written yet: viewers."""

Index = dict[tuple[str, str], Attachment]
"""Attachments by the name of the principal and the key that its client made up."""


class Audience:
    """The attachments of one session, in the order in which they came. Lost ones count until they are removed."""

    def __init__(self, *, tty: bool, index: Index) -> None:
        """`index` is where the server finds the attachment of a client that comes back."""
        self._tty = tty
        self._index = index
        self.members: tuple[Attachment, ...] = ()
        self.is_controlled = False
        """True when somebody who may write has a connection. Looked at for every piece of output."""

    def add(self, attachment: Attachment) -> None:
        """Add one."""
        self.members = (*self.members, attachment)
        self._note(attachment)

    def replace(self, former: Attachment, attachment: Attachment) -> None:
        """Put one in another's place."""
        self.members = tuple(attachment if member is former else member for member in self.members)
        self._note(attachment)

    def remove(self, attachment: Attachment) -> None:
        """Remove one."""
        self.members = tuple(member for member in self.members if member is not attachment)
        self._index.pop((attachment.principal.name, attachment.key), None)

    def _note(self, attachment: Attachment) -> None:
        if attachment.key:
            self._index[attachment.principal.name, attachment.key] = attachment

    @property
    def controllers(self) -> list[Attachment]:
        """Those that may write, the lost ones among them."""
        return [member for member in self.members if member.is_controller]

    def size(self) -> TerminalSize | None:
        """The smallest controller's size, each way; None when nobody has one."""
        sizes = [m.size for m in self.members if m.is_controller and not m.is_lost and m.size is not None]
        if not sizes:
            return None
        return TerminalSize(cols=min(size.cols for size in sizes), rows=min(size.rows for size in sizes))

    def needed(self, stream: Stream) -> int | None:
        """The first byte that somebody needs who must not miss one; None when there is nobody.

        A viewer may miss some. So may a controller of a terminal that has lost its connection: the terminal goes on.
        """
        return min(
            (m.acked[stream] for m in self.members if m.is_controller and not (m.is_lost and self._tty)), default=None
        )

    def free_source(self) -> int | None:
        """The lowest number of a writer that nobody has; None when there are too many."""
        taken = {member.source for member in self.members} - {NO_SOURCE}
        return next((number for number in count() if number not in taken), None) if len(taken) < MAX_SOURCES else None

    def refresh(self) -> None:
        """Look again, after any change, who writes and whose terminal answers: the first controller's that is there."""
        chosen = next((m for m in self.members if m.is_controller and not m.is_lost), None)
        self.is_controlled = chosen is not None
        for member in self.members:
            answers = member is chosen
            if member.answers != answers:
                member.answers = answers
                member.was_told_role = False
                member.wake()
