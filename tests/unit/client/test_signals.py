import os
import select
import signal
import subprocess
import sys

from tests.unit.client.scripted import DEADLINE
from whale.client.signals import SignalInbox


def test_signals_are_noted_in_their_order_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with SignalInbox([signal.SIGUSR1, signal.SIGUSR2]) as inbox:
        assert inbox.read() == []
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert select.select([inbox.descriptor], [], [], DEADLINE)[0]
        assert inbox.read() == [signal.SIGUSR2, signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_other_signals_are_left_to_their_handlers() -> None:
    caught: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: caught.append(number))
    try:
        with SignalInbox([signal.SIGUSR1]) as inbox:
            os.kill(os.getpid(), signal.SIGUSR2)
            assert inbox.read() == []
        assert caught == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_the_process_stops_and_goes_on() -> None:
    code = (
        "import os, signal\n"
        "from whale.client.signals import stop_process\n"
        "signal.signal(signal.SIGTSTP, handler := lambda *_: None)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.setpgid(0, 0)\n"
        "    stop_process()\n"
        "    os._exit(5 if signal.getsignal(signal.SIGTSTP) is handler else 6)\n"
        "assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])\n"
        "os.kill(child, signal.SIGCONT)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=DEADLINE, check=False, start_new_session=True)
    assert done.returncode == 5


def test_stopping_keeps_the_handler_where_the_kernel_refuses_to_stop() -> None:
    # A process whose group is orphaned is not stopped; what matters is that the handler is back.
    code = (
        "import signal\n"
        "from whale.client.signals import stop_process\n"
        "signal.signal(signal.SIGTSTP, handler := lambda *_: None)\n"
        "stop_process()\n"
        "raise SystemExit(5 if signal.getsignal(signal.SIGTSTP) is handler else 6)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=DEADLINE, check=False, start_new_session=True)
    assert done.returncode == 5
