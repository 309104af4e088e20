"""The process that writes the index: `python -m whale.recording.index_process`, started by a server, in its own time.

It reads a line of JSON and answers with one, until there are no more. It is of the lowest priority, so that sessions do
not wait for it, and ends with its server, which is the other end of its input.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from whale.model.errors import RecordingError, WhaleError
from whale.recording.index import IndexWriter
from whale.recording.indexer import Indexer
from whale.recording.rules import Rules
from whale.recording.shelf import INDEX
from whale.recording.stored import PartElsewhere

URGENT: Final = "--urgent"
MAX_LINE: Final = 1024 * 1024
_NICEST: Final = 19


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to do next; one of them is there."""

    begin: "Begin | None" = None
    advance: str = ""
    """A recording of which the next part is to be read."""
    delete: tuple[str, ...] = ()
    prune: bool = False
    """Whether to delete what is of recordings whose files are gone."""


class Begin(msgspec.Struct, frozen=True):
    """The first task."""

    recordings: str
    expressions: dict[str, str]


class Done(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer."""

    is_more: bool = False
    """Whether a part was read, so that there may be another one."""
    error: str = ""
    """Why it could not be done."""
    elsewhere: int | None = None
    """A part that has to be brought before it can."""


class IndexProcess:
    """What the process does."""

    def __init__(self) -> None:
        self._recordings = Path()
        self._writer: IndexWriter | None = None
        self._indexer: Indexer | None = None
        """Made when it is needed: that takes a quarter of a second."""
        self._expressions: dict[str, str] = {}

    def run(self, tasks: BinaryIO, answers: BinaryIO) -> None:
        """Do tasks until there are no more."""
        try:
            while line := tasks.readline(MAX_LINE):
                answers.write(msgspec.json.encode(self._done(line)) + b"\n")
                answers.flush()
        finally:
            if self._writer is not None:
                self._writer.close()

    def _done(self, line: bytes) -> Done:
        try:
            return Done(is_more=self._do(_decode(line)))
        except PartElsewhere as part:
            return Done(elsewhere=part.number)
        except (WhaleError, msgspec.MsgspecError) as error:
            return Done(error=str(error))

    def _do(self, task: Task) -> bool:
        if task.begin is not None:
            self._recordings = Path(task.begin.recordings)
            self._writer = IndexWriter(self._recordings / INDEX)
            self._expressions = task.begin.expressions
            return False
        if self._writer is None:
            raise RecordingError("nothing was begun")
        if task.delete:
            self._writer.delete(task.delete)
        if task.prune:
            gone = [id for id in self._writer.known if not (self._recordings / id).exists()]
            self._writer.delete(gone)
        if not task.advance:
            return False
        if self._indexer is None:
            self._indexer = Indexer(self._recordings, self._writer, Rules(self._expressions))
        return self._indexer.advance(task.advance)


_decode: Final = msgspec.json.Decoder(Task).decode


def main() -> int:
    """Do what the server says; whenever nobody else has something to do, unless somebody waits for it."""
    if URGENT not in sys.argv[1:]:
        with suppress(OSError):
            os.nice(_NICEST)
        if sys.platform == "linux":
            with suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    IndexProcess().run(sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
