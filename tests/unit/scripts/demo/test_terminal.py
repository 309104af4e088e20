import os

import pytest

from scripts.demo.terminal import opened


def test_a_program_sees_its_size_a_new_one_the_keys_and_ends_with_its_status() -> None:
    with opened(["sh"], dict(os.environ), cols=70, rows=20) as terminal:
        terminal.type("stty size\r")
        terminal.expect(r"\b20 70\b")
        terminal.resize(cols=90, rows=30)
        terminal.type("stty size\r")
        terminal.expect(r"\b30 90\b")
        terminal.type("sh -c 'echo begun-$((1+1)); exec sleep 60'\r")
        terminal.expect("begun-2")
        terminal.type("\x03")
        terminal.type("exit 9\r")
        assert terminal.wait() == 9


def test_what_does_not_show_is_a_timeout_that_says_what_did() -> None:
    with opened(["cat"], dict(os.environ), cols=80, rows=24) as terminal:
        terminal.type("something\r")
        with pytest.raises(TimeoutError, match="something"):
            terminal.expect("never", within=0.3)


def test_the_program_is_ended_with_the_block() -> None:
    with opened(["sleep", "600"], dict(os.environ), cols=80, rows=24) as terminal:
        with pytest.raises(TimeoutError):
            terminal.wait(within=0.1)
        process = terminal._process
    assert process.returncode == -9
