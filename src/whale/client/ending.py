"""How a conversation ends, as far as that is known: the command's status, or the first thing that went wrong."""

from whale.client.link import NORMAL_CLOSE
from whale.client.remote import remote_error
from whale.model.errors import ProtocolError, WhaleError
from whale.model.outcomes import outcome_of
from whale.wire.messages import Status


class Ending:
    """Tell it what ended the conversation; when `is_known`, close the link with `close_code` and `settle`."""

    def __init__(self) -> None:
        self.status: Status | None = None
        """The server's word for how the command ended."""
        self.failure: WhaleError | None = None
        """What ended the conversation instead."""
        self.close_code = NORMAL_CLOSE
        """What the link is closed with."""

    @property
    def is_known(self) -> bool:
        """True when it is known how it ends; output may still wait."""
        return self.status is not None or self.failure is not None

    @property
    def is_exit(self) -> bool:
        """True when the command has ended, and left the terminal as it wanted to."""
        return self.status is not None and self.status.status.code is not None

    def fail(self, error: WhaleError) -> None:
        """Keep the first reason; none counts against a status that came before it."""
        if not self.is_known:
            self.failure = error

    def violate(self, error: ProtocolError) -> None:
        """Note that the server broke the rules, which it is told with the close."""
        if not self.is_known:
            self.failure, self.close_code = error, outcome_of(error.code).close

    def settle(self) -> int:
        """Return the command's exit status. Raises what went wrong instead."""
        if self.failure is not None:
            raise self.failure
        assert self.status is not None
        status, message = self.status.status, self.status.message
        if status.code is None:
            raise remote_error(status.reason, message or f"the exit status is lost ({status.reason})")
        return status.code
