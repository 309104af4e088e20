"""What the operator tells a running server by signals."""

import asyncio
import signal


class Signals:
    """Counts requests to stop. SIGTERM and SIGINT leave sessions to the next server, SIGUSR1 ends them.

    SIGHUP stops nothing: what lies in files is looked at anew.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.force = asyncio.Event()
        self.reload = asyncio.Event()
        self.ends_sessions = False

    def install(self) -> None:
        """Take the signals over."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.received)
        loop.add_signal_handler(signal.SIGUSR1, self.received_for_sessions)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)

    def received(self) -> None:
        """Note one signal: the first stops, the second forces."""
        if self.stop.is_set():
            self.force.set()
        self.stop.set()

    def received_for_sessions(self) -> None:
        """Note that the sessions are to end, too."""
        self.ends_sessions = True
        self.received()
