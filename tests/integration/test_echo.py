"""What is kept of what is typed into real programs on a container's terminal: what was echoed, and no password."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.corpus.secrets import without_controls
from tests.engines import Recorder, docker_engine
from whale.engine.open import open_engine
from whale.engine.seam import Exec
from whale.model.exec import ExecSpec, Stream
from whale.model.ids import new_session_id
from whale.model.limits import ECHO_GRACE
from whale.model.terminal import TerminalSize
from whale.recording.echo import EchoFilter, Kept

PASSWORD = "hunter2-Xq"


class Typist(Recorder):
    """Types, and writes down what is kept of that."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Kept] = []
        self._filter = EchoFilter()
        self._began = time.monotonic()

    def start(self, running: Exec) -> None:
        self._running = running

    def output_received(self, stream: Stream, data: bytes) -> None:
        self.kept += self._filter.output(self._now(), data)
        super().output_received(stream, data)

    def type(self, text: str) -> None:
        self.kept += self._filter.typed(self._now(), text.encode())
        self._running.write_stdin(text.encode())

    async def type_slowly(self, text: str) -> None:
        """Type the next character when something has come back, or after a moment."""
        for character in text:
            before = self.received
            self.type(character)
            for _ in range(20):
                if self.received > before:
                    break
                await asyncio.sleep(0.005)

    async def press(self, keys: str, answer: str) -> None:
        """Type all at once, and wait for what is said."""
        start = len(self.out)
        self.type(keys)
        await self.until(lambda: answer.encode() in self.out[start:], f"said {answer}")

    async def line(self, text: str, answer: str = "$ ") -> None:
        """Type a line, and wait for what is said to that."""
        await self.type_slowly(text)
        await self.enter(answer)

    async def enter(self, answer: str) -> None:
        """End the line, and wait for what is said then."""
        start = len(self.out)
        self.type("\r")
        await self.until(lambda: answer.encode() in self.out[start:], f"said {answer}")

    def finish(self) -> bytes:
        self.kept += self._filter.finish()
        return b"".join(kept.data for kept in self.kept)

    @property
    def withheld(self) -> int:
        return sum(kept.withheld for kept in self.kept)

    def _now(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


@asynccontextmanager
async def bash() -> AsyncIterator[Typist]:
    real = await asyncio.to_thread(docker_engine)
    with real.container("whale/dev") as box:
        engine = open_engine(real.url, name="docker")
        try:
            typist = Typist()
            spec = ExecSpec(
                command=("bash", "--norc"),
                tty=True,
                stdin=True,
                size=TerminalSize(cols=80, rows=24),
                env=(("TERM", "xterm-256color"), ("PS1", "$ ")),
            )
            found = await engine.container(box)
            running = await engine.start_exec(found.id, spec, session=new_session_id(), output=typist)
            typist.start(running)
            try:
                await typist.until_out(b"$ ")
                yield typist
            finally:
                await running.aclose()
        finally:
            await engine.aclose()


async def test_commands_are_kept_and_what_read_s_asks_for_is_not() -> None:
    async with bash() as typist:
        await typist.line("echo one")
        await typist.line("read -s -p 'Secret: ' X", "Secret: ")
        await typist.line(PASSWORD)
        await typist.line("echo after", "after\r\n")
        assert typist.finish() == b"echo one\rread -s -p 'Secret: ' X\r\recho after\r"
        assert typist.withheld == len(PASSWORD)


async def test_a_password_that_is_pasted_or_corrected_is_not_kept() -> None:
    async with bash() as typist:
        # Its prompt comes when the terminal is as it wants it: what is typed earlier is typed into bash's own line.
        await typist.line("read -s -p 'One: ' X", "One: ")
        await typist.press(PASSWORD + "\r", "$ ")
        await typist.line("stty -echo; printf 'Two: '; read Y; stty echo", "Two: ")
        await typist.type_slowly("wrong\x7f\x7f" + PASSWORD)
        await typist.enter("$ ")
        commands = b"read -s -p 'One: ' X\r\rstty -echo; printf 'Two: '; read Y; stty echo\r"
        assert typist.finish() == commands + b"\x7f\x7f\r"


async def test_passwd_gets_a_password_that_is_not_kept() -> None:
    async with bash() as typist:
        await typist.line("passwd", "assword: ")
        await typist.line(PASSWORD, "assword: ")
        await typist.line(PASSWORD, "$ ")
        assert typist.finish() == b"passwd\r\r\r"
        assert typist.withheld == 2 * len(PASSWORD)


async def test_a_password_behind_stars_is_not_kept() -> None:
    stars = "P='Stars: '; while IFS= read -rsn1 -p \"$P\" c && [ -n \"$c\" ]; do P=; printf '*'; done"
    async with bash() as typist:
        await typist.line(stars, "Stars: ")
        await typist.type_slowly(PASSWORD)
        await typist.enter("$ ")
        assert typist.finish() == f"{stars}\r\r".encode()
        assert b"*" * len(PASSWORD) in typist.out


async def test_what_a_program_is_told_in_cooked_mode_is_kept() -> None:
    async with bash() as typist:
        await typist.line("echo go; cat", "go\r\n")
        await typist.line("some words äöü", "some words äöü\r\n")
        await typist.press("pasted\rtwo lines\r", "two lines\r\npasted\r\ntwo lines\r\n")
        await typist.press("\x04", "$ ")
        assert typist.finish() == "echo go; cat\rsome words äöü\rpasted\rtwo lines\r\x04".encode()


async def test_editing_a_line_keeps_it() -> None:
    async with bash() as typist:
        await typist.type_slowly("echo oen\x7f\x7fne")
        await typist.type_slowly("\x01# \x05 end")
        await typist.enter("$ ")
        await typist.press("\x1b[A\x03", "$ ")
        assert typist.finish() == b"echo oen\x7f\x7fne\x01# \x05 end\r\x1b[A\x03"


async def test_a_long_paste_is_kept() -> None:
    text = "echo " + "many words in one line " * 100
    async with bash() as typist:
        typist.type(f"\x1b[200~{text}\x1b[201~")
        await typist.until(lambda: without_controls(bytes(typist.out)).count(b"words") >= 100, "echoed it all")
        await typist.enter("many words in one line\r\n")
        assert typist.finish() == f"\x1b[200~{text}\x1b[201~\r".encode()


async def test_what_is_typed_ahead_is_kept() -> None:
    async with bash() as typist:
        await typist.line("echo go; sleep 1; echo done", "go\r\n")
        await typist.type_slowly("echo ahead")
        await typist.enter("\rahead\r\n")
        assert typist.finish() == b"echo go; sleep 1; echo done\recho ahead\r"


@pytest.mark.parametrize("keys", ["ione two\x1b"])
async def test_keys_of_an_editor_that_are_not_shown_are_not_kept(keys: str) -> None:
    async with bash() as typist:
        await typist.line("vim.tiny -n", "VIM")
        await typist.type_slowly(keys)
        await asyncio.sleep(ECHO_GRACE + 0.5)
        await typist.line(":q!", "$ ")
        typed = typist.finish()
        assert typed.startswith(b"vim.tiny -n\r")
        assert b"\x1b" in typed
