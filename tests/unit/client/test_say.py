"""Lines of whale's own on standard error."""

import os

import pytest

from whale.client import say as say_module
from whale.client.say import say


def test_a_word_of_whales_own_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(say_module, "STDERR", writer)
    say("a\nb\n", raw=True)
    say("c\n", raw=False)
    assert os.read(reader, 100) == b"a\r\nb\r\nc\n"
    os.set_blocking(writer, False)
    while True:
        try:
            os.write(writer, bytes(4096))
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    say("nobody reads this", raw=False)
    os.close(reader)
    say("nobody can read this", raw=False)
    os.close(writer)
