"""The user's side of a session: what is typed, which signals come, what mode the terminal is in."""

import signal

from whale.client.conversation import Conversation
from whale.client.escape import HELP, EscapeAction
from whale.client.inlet import Inlet
from whale.client.say import STDERR, say
from whale.client.signals import SignalInbox, stop_process
from whale.client.terminal import RawTerminal, terminal_size
from whale.model.errors import SessionError
from whale.model.exec import Signal

STDIN, STDOUT = 0, 1

INTERRUPT_KEY = b"\x03"

FORWARDED = {
    signal.SIGHUP: Signal.HUP,
    signal.SIGINT: Signal.INT,
    signal.SIGQUIT: Signal.QUIT,
    signal.SIGTERM: Signal.TERM,
}
"""Signals that go to the command, unless whale holds a terminal: there they end whale."""

LISTENED = (*FORWARDED, signal.SIGWINCH)
LISTENED_RAW = (*LISTENED, signal.SIGTSTP, signal.SIGCONT)


class Interrupted(Exception):
    """A signal ends whale itself. `status` is its exit status, 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


class User:
    """Reads what the user wants and tells the conversation.

    `has_tty`: the command has a terminal. `terminal`: the local one that is raw for it, or None.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        inbox: SignalInbox,
        inlet: Inlet | None,
        has_tty: bool,
        terminal: RawTerminal | None,
        keeps_name: bool = False,
    ) -> None:
        self.inbox = inbox
        self.inlet = inlet
        self._conversation = conversation
        self._has_tty = has_tty
        self._terminal = terminal
        self._keeps_name = keeps_name
        self._was_signalled = False

    @property
    def wants_to_type(self) -> bool:
        """True when input should be read."""
        conversation = self._conversation
        return (
            self.inlet is not None
            and self.inlet.is_wanted(conversation.input_credit)
            and (not conversation.ending.is_known or self._terminal is not None)
        )

    @property
    def is_typing(self) -> bool:
        """True when the input is a terminal's, whole and with nothing left to send."""
        return self._terminal is not None and self.inlet is not None and self.inlet.is_idle

    def read_signals(self) -> None:
        """Act on the signals that came. Raises `Interrupted` for one that ends whale."""
        for number in self.inbox.read():
            if number == signal.SIGWINCH:
                self._resize()
            elif number == signal.SIGTSTP:
                self._suspend()
            elif number == signal.SIGCONT:
                self._resume()
            elif number == signal.SIGHUP and self._keeps_name and self._conversation.reconnect is None:
                self._conversation.wishes.detach()  # the terminal was closed; the session has a name to come back by
            elif self._terminal is not None or self._was_signalled or self._conversation.ending.is_known:
                raise Interrupted(number)
            elif self._conversation.display.waiting.is_shown:
                raise Interrupted(number)  # there is no command yet, and there may never be one
            else:
                self._was_signalled = True
                self._conversation.wishes.signal(FORWARDED[signal.Signals(number)])

    def read_input(self) -> None:
        """Read what was typed and send it. Raises `SessionError` when the user ended the session."""
        inlet, conversation = self.inlet, self._conversation
        assert inlet is not None
        # A terminal is read without credit, and while all is calm there is some.
        actions = inlet.read(1 if conversation.is_calm else conversation.input_credit)
        if actions or not conversation.is_calm:
            self._consider(inlet, actions)
        conversation.send_input(inlet)

    def _consider(self, inlet: Inlet, actions: tuple[EscapeAction, ...]) -> None:
        conversation = self._conversation
        conversation.disturb()
        conversation.hurry()
        if conversation.wishes.is_viewer:
            if inlet.holds(INTERRUPT_KEY):
                raise Interrupted(signal.SIGINT)
            inlet.discard()
        elif actions:
            conversation.send_input(inlet)  # what was typed before
        for action in actions:
            self._act(action)
        if self._terminal is not None and conversation.is_opening and inlet.holds(INTERRUPT_KEY):
            raise Interrupted(signal.SIGINT)

    def _act(self, action: EscapeAction) -> None:
        if action is EscapeAction.END:
            raise SessionError("you ended the session with ~.")
        if action is EscapeAction.DETACH:
            self._conversation.wishes.detach()
        elif action is EscapeAction.ROLE:
            self._conversation.wishes.change_role()
        else:
            self._conversation.display.line.erase()
            say(HELP, raw=True)

    def _resize(self) -> None:
        size = terminal_size((STDOUT, STDIN, STDERR))
        if self._has_tty and size is not None:
            self._conversation.wishes.resize(size)
        self._conversation.display.line.resized()

    def _suspend(self) -> None:
        if self._terminal is not None:
            self._conversation.display.line.erase()
            self._terminal.restore()
            stop_process()
            self._resume()

    def _resume(self) -> None:
        self._conversation.hurry()
        if self._terminal is not None:
            self._terminal.make_raw()
        self._resize()
