"""A very small shell: `sh -c SCRIPT`, and a login shell that runs what is typed.

Knows simple commands separated by `;` and newlines, `&&` and `||`, `>&2`, `$NAME`, `$?`, and as its own commands
`exit`, `exec`, `read`, `trap '' SIGNALS` and `kill -SIGNAL $$`. Anything else is "not found", as in any shell.
"""

import shlex

from whale.engine.fake.process import FakeProcess, Program
from whale.model.exec import Signal, Stream

PROMPT = b"$ "
_TO_STDERR = ">2"
_ENDS = (";", "&&", "||")


class _Exit(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class Shell:
    """Runs scripts for one process with a set of programs."""

    def __init__(self, process: FakeProcess, programs: dict[str, Program]) -> None:
        self._process = process
        self._programs = programs
        self._code = 0

    async def script(self, text: str) -> int:
        """Run a script; return its status."""
        try:
            await self._list(text)
        except _Exit as end:
            return end.code
        return self._code

    async def interact(self) -> int:
        """Run the lines that come in, until `exit` or the end of the input."""
        rest = b""
        while True:
            await self._process.write(PROMPT)
            while b"\n" not in rest:
                data = await self._process.read()
                if not data:
                    return self._code
                rest += data
            line, _, rest = rest.partition(b"\n")
            try:
                await self._list(line.decode("utf-8", "replace"))
            except _Exit as end:
                return end.code

    async def _list(self, text: str) -> None:
        plain = text.replace("\n", " ; ").replace(">&2", f" {_TO_STDERR} ")
        lexer = shlex.shlex(plain, posix=False, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words: list[str] = []
        try:
            tokens = [*lexer, ";"]
        except ValueError:
            await self._say("sh: syntax error")
            self._code = 2
            return
        skip = False
        for word in tokens:
            if word not in _ENDS:
                words.append(word)
                continue
            if words and not skip:
                await self._command(words)
            words = []
            skip = self._code != 0 if word == "&&" else self._code == 0 and word == "||"

    async def _command(self, words: list[str]) -> None:
        to_stderr = _TO_STDERR in words
        argv = tuple(self._expand(word) for word in words if word != _TO_STDERR)
        own = getattr(self, f"_do_{argv[0]}", None)
        if own is not None:
            await own(argv)
        elif to_stderr:
            await self._say(" ".join(argv[1:]))
            self._code = 0
        elif argv[0] in self._programs:
            before, self._process.argv = self._process.argv, argv
            self._code = await self._programs[argv[0]](self._process)
            self._process.argv = before
        else:
            await self._say(f"sh: {argv[0]}: not found")
            self._code = 127

    async def _do_exit(self, argv: tuple[str, ...]) -> None:
        raise _Exit(int(argv[1]) & 0xFF if len(argv) > 1 and argv[1].isdigit() else self._code)

    async def _do_exec(self, argv: tuple[str, ...]) -> None:
        await self._command(list(argv[1:]))
        raise _Exit(self._code)

    async def _do_trap(self, argv: tuple[str, ...]) -> None:
        self._process.trap(*(Signal(name) for name in argv[2:] if name in Signal.__members__))
        self._code = 0

    async def _do_kill(self, argv: tuple[str, ...]) -> None:
        if len(argv) > 1 and argv[1].lstrip("-") in Signal.__members__:
            await self._process.signal(Signal(argv[1].lstrip("-")))
        self._code = 0

    async def _do_read(self, argv: tuple[str, ...]) -> None:
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = await self._process.read(1)
            if not byte:
                break
            line += byte
        self._process.env[argv[-1]] = line.decode("utf-8", "replace").rstrip("\n")
        self._code = 0 if line.endswith(b"\n") else 1

    async def _say(self, text: str) -> None:
        await self._process.write(text.encode() + b"\n", Stream.STDERR)

    def _expand(self, word: str) -> str:
        if word.startswith("'"):
            return word.strip("'")
        word = word.strip('"')
        if word == "$?":
            return str(self._code)
        if word.startswith("$") and word != "$$":
            return self._process.env.get(word[1:].strip("{}"), "")
        return word
