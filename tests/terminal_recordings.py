"""Recordings of what terminals are sent: real programs driven with seeded keys, and random control sequences.

A recording follows from its kind and seed, as far as the programs let it: what they show of the machine does not.
"""

import asyncio
import random
from typing import NamedTuple

from tests.engines import Recorder
from tests.random_output import random_output
from whale.engine.seam import Engine
from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.ids import new_session_id
from whale.model.terminal import TerminalSize

SIZES = ((80, 24), (100, 30), (61, 15), (132, 43))
PAUSE = 0.05
"""Seconds without output after which a program is taken to wait for the next key. It decides no test: a program that
is slower is recorded with its keys typed ahead."""

LIMIT = 1.0
"""Seconds of output after one key at most: some programs never stop."""

KEYS = 16


class Recording(NamedTuple):
    """What a terminal of some size was sent."""

    kind: str
    seed: int
    size: TerminalSize
    output: bytes

    @property
    def name(self) -> str:
        return f"{self.kind} {self.seed}"


class Program(NamedTuple):
    """What is started, the keys that it is good for, and those that end it."""

    command: tuple[str, ...]
    keys: tuple[str, ...]
    last: str


_LISTING = "ls -la --color=always /usr/bin /etc /usr/lib"
_WIDE = r"printf 'na\303\257ve \346\274\242\345\255\227 \033[1;33mcaf\303\251\033[0m\n%.0s' 1 2 3"
_COLOURS = "for i in $(seq 200); do printf '\\033[4%dm%d ' $((i % 8)) $i; done; printf '\\033[m'"


def _keys(text: str) -> tuple[str, ...]:
    return tuple(text.split("¦"))


_VIM = _keys(
    "\x06¦\x02¦G¦gg¦\x04¦5dd¦p¦u¦ione two\rthree\x1b¦Aend of line\x1b¦:set number\r¦/bin\r¦n¦zt¦O\tindented\x1b"
    "¦:set list\r¦xxx¦J¦yyP¦~~~¦:set nowrap\r¦20|¦$¦inaïve 漢字\x1b¦R overwritten\x1b¦\x0c¦ggVGd¦u"
)
_LESS = _keys(" ¦b¦j¦k¦d¦u¦G¦g¦/bin\r¦n¦N¦-S\r¦-N\r¦h¦q¦\x1b[C¦\x1b[D¦50%¦r¦&lib\r¦&\r¦\x1b[6~¦\x1b[5~")
_HTOP = _keys("\x1b[B¦\x1b[A¦t¦M¦P¦T¦\x1bOQ¦\x1bOR¦/sh\r¦\x1b¦ ¦U¦H¦K¦p¦\x1b[6~¦I¦h¦\x1bOS¦+¦-¦u¦\r")
_BASH = _keys(
    f"{_LISTING} | head -n 40\r"
    "¦PS1='\\[\\e[1;32m\\]\\u@\\h \\[\\e[34m\\]\\w\\[\\e[0m\\] \\$ '\r¦\x1b[A¦\x1b[A¦\x1b[B¦\r"
    f"¦\x12ls¦\x07¦\x03¦cd /usr/b\t\r¦\x01¦\x05¦\x17¦\x15¦\x1b[D¦\x1b[D¦inserted¦clear\r¦{_WIDE}\r¦{_COLOURS}\r¦\x0c"
    f"¦\x1b[H¦\x1b[F¦echo {'a long line that wraps ' * 8}\r¦tput smcup; tput cup 5 5; echo full\r¦tput rmcup\r"
    "¦stty size; tput sc; echo down; tput rc; tput el\r¦printf 'a\\tb\\tc\\n'\r"
    "¦printf '\\e[5;10r\\e[10;1H'; seq 30; printf '\\e[r'\r"
    f"¦printf '\\e[?7l'; echo {'x' * 150}; printf '\\e[?7h'\r¦less /etc/passwd\r¦q¦vi -n /etc/group\r¦\x1b:q!\r"
    "¦echo -n no newline\r¦printf '\\e]2;title\\a'\r¦!!\r¦yes | head -n 60\r"
)
PROGRAMS = {
    "vim": Program(("sh", "-c", f"{_LISTING} >/tmp/$$; exec vim.tiny -n /tmp/$$"), _VIM, "\x1b:q!\r\x1b:q!\r"),
    "less": Program(("sh", "-c", f"{_LISTING} | less -R"), _LESS, "qq"),
    "htop": Program(("htop", "-d", "3"), _HTOP, "\x1bqq"),
    "bash": Program(("bash", "--norc"), _BASH, "\x1b:q!\rq\x03\x04"),
}
KINDS = (*PROGRAMS, "random")


async def record(engine: Engine, box: Container, kind: str, seed: int) -> Recording:
    """Make one recording."""
    chance = random.Random(f"{kind}:{seed}")
    cols, rows = chance.choice(SIZES)
    size = TerminalSize(cols=cols, rows=rows)
    if kind == "random":
        return Recording(kind, seed, size, b"".join(random_output(chance, size)))
    program = PROGRAMS[kind]
    output = Recorder()
    env = (("TERM", "xterm-256color"), ("HOME", "/tmp"))
    spec = ExecSpec(command=program.command, tty=True, stdin=True, size=size, env=env)
    running = await engine.start_exec(box.id, spec, session=new_session_id(), output=output)
    try:
        await output.until(lambda: bool(output.out), "began")
        for _ in range(KEYS):
            await quiet(output)
            running.write_stdin(chance.choice(program.keys).encode())
        await quiet(output)
        running.write_stdin(program.last.encode())
        await quiet(output)
    finally:
        await running.aclose()
    return Recording(kind, seed, size, bytes(output.out))


async def quiet(output: Recorder) -> None:
    """Wait until nothing has been output for a moment, but not for ever."""
    for _ in range(round(LIMIT / PAUSE)):
        before = output.received
        await asyncio.sleep(PAUSE)
        if output.received == before:
            return
