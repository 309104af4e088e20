"""Where recordings go, and who is told of them: the server's, in its own words. Sessions know no more of them."""

from typing import TYPE_CHECKING, Protocol

from whale.model.errors import WhaleError
from whale.model.recording import OnUnrecorded
from whale.recording.writer import ClosedChunk, RecordingWriter
from whale.session.transcript import Transcript

if TYPE_CHECKING:
    from whale.session.session import Session


class Recordings(Protocol):
    """Where recordings go, and who is told of them."""

    async def begin(self, session: "Session") -> RecordingWriter:
        """Begin the recording of a session. Raises `WhaleError`."""
        ...

    async def resume(self, session: "Session") -> RecordingWriter | None:
        """Go on with it; None when it is whole already. Raises `WhaleError`."""
        ...

    def transcript(self, session: "Session", writer: RecordingWriter) -> Transcript:
        """Make what says what of the session is recorded, from where the writer is."""
        ...

    def written(self, session: "Session", writer: RecordingWriter, chunk: ClosedChunk | None) -> None:
        """Note that there is more of it, and perhaps that a part is whole. Raises nothing."""
        ...

    def failed(self, session: "Session", error: WhaleError, failure: OnUnrecorded) -> None:
        """Note that it can't be written, and what that means."""
        ...

    async def finished(self, session: "Session", writer: RecordingWriter, chunk: ClosedChunk) -> None:
        """Note that it is whole."""
        ...
