"""The way of an exec's output, from the engine's bytes to its owner: taken apart, held back, handed on, noted.

What is noted is always the state behind a whole piece of the engine's bytes, with all that it brought handed over.
So whoever goes on from the notes, with the bytes behind that piece, hands over each byte once.
"""

from collections.abc import Callable
from enum import IntEnum

from whale.engine.demux import Demultiplexer
from whale.engine.docker.guard import DOCKER_PREFIXES, ECHO, PODMAN_PREFIXES, OutputGuard, TrailerGuard
from whale.engine.docker.notes import AT_START, Notes, OutputState, nonsense
from whale.engine.docker.start import StartPlan
from whale.model.errors import EngineError
from whale.model.exec import Stream

_STDOUT, _STDERR = Stream.STDOUT, Stream.STDERR  # looked up for every keystroke, and an enumeration is slow at it


class Words(IntEnum):
    """Whose words are looked for at the beginning of the output."""

    NOBODYS = 0
    ENGINES = 1
    """The engine's, that it could not start the command."""
    WRAPPERS = 2
    """Those of the shell that waited for the size, behind its mark."""


class Outflow:
    """One exec's output."""

    __slots__ = (
        "_committed",
        "_demux",
        "_guard",
        "_guarded",
        "_notes",
        "_plan",
        "_receive",
        "_totals",
        "_trailer",
        "_words",
    )

    def __init__(
        self,
        plan: StartPlan,
        *,
        tty: bool,
        receive: Callable[[Stream, bytes], None],
        committed: Callable[[], None] = lambda: None,
        notes: Notes,
        state: OutputState | None = None,
    ) -> None:
        """`receive` gets the output, and `committed` is called when that is noted.

        `state` is from the notes of an earlier process, whose place this one takes.
        """
        is_podman = plan.kind == "podman"
        self._plan = plan
        self._receive: Callable[[Stream, bytes], None] | None = receive
        self._committed = committed
        self._notes = notes
        self._guarded = Stream.STDERR if is_podman and not tty else Stream.STDOUT
        """The stream in which the engine says that it could not start the command."""
        is_new = state is None
        state = state or OutputState(words=Words.ENGINES)
        self._totals = [0, state.stdout, state.stderr]
        self._demux = None if tty else Demultiplexer(state.demux)
        self._guard: OutputGuard | None = None
        self._words = Words.NOBODYS
        self._watch(_known(state.words), awaits_echo=state.awaits_echo, held=state.held)
        self._trailer = TrailerGuard(state.trailer) if self._guarded is Stream.STDERR else None
        if is_new:
            self._note(is_taken=True)

    def _watch(self, words: Words, *, awaits_echo: bool = False, held: bytes = b"") -> None:
        self._words = words
        if words is Words.NOBODYS:
            self._guard = None
            return
        mark = self._plan.mark
        engines = PODMAN_PREFIXES if self._plan.kind == "podman" else DOCKER_PREFIXES
        prefixes = engines if words is Words.ENGINES else (mark,) if mark else ()
        self._guard = OutputGuard(prefixes, echo=ECHO if awaits_echo else b"", held=held)

    # --- what is known

    def total(self, stream: Stream) -> int:
        """Bytes of that stream handed over."""
        return self._totals[stream]

    @property
    def held(self) -> bytes:
        """What is held back because it may not be output."""
        return self._guard.held if self._guard else b""

    @property
    def is_guarding(self) -> bool:
        """True while output may still be held back: nothing has shown yet that the command runs."""
        return self._guard is not None

    @property
    def is_match(self) -> bool:
        """True when what is held back begins with words that are not output, unless the command says the same."""
        return self._guard is not None and self._guard.is_match

    @property
    def is_broken(self) -> bool:
        """True when the engine sent what is no stream: nothing more comes out."""
        return self._demux is not None and self._demux.error is not None

    @property
    def is_plain(self) -> bool:
        """True when all that comes is output, and nothing of it is held back: a terminal's, when the command runs."""
        return self._guard is None and self._demux is None and self._trailer is None

    def fault(self) -> Exception | None:
        """What is wrong with a stream that ends here: output may be missing."""
        if self._demux is not None and self._demux.error is not None:
            return self._demux.error
        if self._demux is not None and not self._demux.is_between_frames:
            return ConnectionResetError("the engine's stream ended within a frame")
        if self._trailer is not None and self._trailer.has_trailer:
            return EngineError("podman gave up the output because input was left unread")
        return None

    # --- what is done

    def feed(self, data: memoryview) -> None:
        """Take the engine's next bytes, hand on what they hold, and note it: they are still in the kernel."""
        if self.is_plain:
            self._feed_plain(bytes(data))
            return
        if self._demux is None:
            self._deliver(Stream.STDOUT, bytes(data))
        else:
            for stream, part in self._demux.feed(data):
                self._deliver(stream, part)
        self._commit(is_taken=False)

    def _feed_plain(self, data: bytes) -> None:
        """Do the same where nothing can be held back: every keystroke's echo comes this way."""
        if self._receive is not None:
            self._receive(_STDOUT, data)
        if self._receive is not None:
            totals = self._totals
            totals[_STDOUT] += len(data)
            self._notes.commit_plain(stdout=totals[_STDOUT], stderr=totals[_STDERR])
            self._committed()

    def await_wrapper(self) -> None:
        """Look for the wrapper's words from here on, and for the echo of the newline that it is sent."""
        held = self._guard.release() if self._guard else b""
        self._watch(Words.WRAPPERS, awaits_echo=True)
        self._deliver(Stream.STDOUT, held)
        self._commit(is_taken=True)

    def release(self) -> None:
        """What is held back is output: hand it on."""
        held = self.take_held()
        self._hand_on(self._guarded, held)
        self._commit(is_taken=True)

    def take_held(self) -> bytes:
        """What is held back is no output: take it out. Not noted, so that a successor finds that out again."""
        held = self._guard.release() if self._guard else b""
        self._watch(Words.NOBODYS)
        return held

    def close(self) -> None:
        """Hand on nothing more, note nothing more."""
        self._receive = None

    # --- inside

    def _deliver(self, stream: Stream, data: bytes) -> None:
        guard = self._guard
        if guard is not None and stream is self._guarded:
            data = guard.feed(data)
            if guard.is_open:
                self._watch(Words.NOBODYS)
        elif guard is not None:
            # An engine's own words never come like this: the command runs.
            self._hand_on(self._guarded, self.take_held())
        if self._trailer is not None and stream is Stream.STDERR:
            data = self._trailer.feed(data)
        self._hand_on(stream, data)

    def _hand_on(self, stream: Stream, data: bytes) -> None:
        if data and self._receive is not None:
            self._receive(stream, data)
            self._totals[stream] += len(data)

    def _commit(self, *, is_taken: bool) -> None:
        # Whoever closed it while it was handed something has let go of the notes as well.
        if self._receive is not None:
            self._note(is_taken=is_taken)
            self._committed()

    def _note(self, *, is_taken: bool) -> None:
        guard, trailer = self._guard, self._trailer
        self._notes.commit(
            stdout=self._totals[_STDOUT],
            stderr=self._totals[_STDERR],
            demux=self._demux.state if self._demux else AT_START,
            words=self._words,
            awaits_echo=guard is not None and guard.awaits_echo,
            held=guard.held if guard else b"",
            trailer=trailer.held if trailer else b"",
            is_taken=is_taken,
        )


def _known(number: int) -> Words:
    try:
        return Words(number)
    except ValueError:
        raise nonsense(f"words {number}") from None
