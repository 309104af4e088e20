"""Five hundred pieces of terminal output with made-up secrets in them, and what looks like secrets and is none.

A case follows from its seed. The secrets are put together when the tests run, so that no scanner finds one here.
"""

import base64
import functools
import hashlib
import json
import random
import re
import string
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

COUNT = 500
COLS = 72
WINDOW = 8
"""As many characters of a secret, one after the other, give it away."""


class Case(NamedTuple):
    """Output with a secret in it."""

    seed: int
    kind: str
    style: str
    output: bytes
    secret: str
    cols: int
    pieces: list[bytes]

    @property
    def name(self) -> str:
        return f"{self.seed} {self.kind} {self.style}"


ALNUM = string.ascii_letters + string.digits
WORD = ALNUM + "_-"
UPPER = string.ascii_uppercase + string.digits


def _token(lead: str, chars: str, length: int) -> Callable[[random.Random], str]:
    return lambda chance: lead + "".join(chance.choice(chars) for _ in range(length))


def _jwt(chance: random.Random) -> str:
    def part(length: int) -> str:
        return "".join(chance.choice(WORD) for _ in range(length))

    return f"{'ey'}J{part(chance.randint(17, 90))}.{'ey'}J{part(chance.randint(30, 300))}.{part(43)}"


def _key(chance: random.Random) -> str:
    body = base64.encodebytes(chance.randbytes(chance.randint(200, 1600))).decode().replace("\n", "\r\n")
    kind = chance.choice(("RSA ", "EC ", "OPENSSH ", ""))
    return f"-----{'BEGIN'} {kind}PRIVATE KEY-----\r\n{body}-----END {kind}PRIVATE KEY-----"


TOKENS = {
    **{f"github {kind}": _token(f"gh{kind}_", ALNUM, 36) for kind in "pousr"},
    "github fine": _token("github_" + "pat_", ALNUM + "_", 82),
    "gitlab": _token("glpat" + "-", WORD, 20),
    "aws id": _token("AK" + "IA", UPPER, 16),
    "slack bot": _token("xoxb" + "-", string.digits + "-", 50),
    "slack user": _token("xoxp" + "-", ALNUM + "-", 60),
    "google": _token("AI" + "za", WORD, 35),
    "stripe": _token("sk_" + "live_", ALNUM, 24),
    "npm": _token("npm" + "_", ALNUM, 36),
    "pypi": _token("pypi" + "-", WORD, 150),
    "age": _token("AGE-SECRET" + "-KEY-1", UPPER, 58),
    "whale": _token("whale" + "_", ALNUM, 61),
    "vault": _token("hvs" + ".", WORD, 90),
    "docker": _token("dckr" + "_pat_", WORD, 27),
    "jwt": _jwt,
    "key": _key,
}
"""Secrets that are known wherever they stand."""

VALUES = {
    "aws secret": ("aws_secret_access_key = ", ALNUM + "/+", 40, ""),
    "aws configure": ("AWS Secret Access Key [None]: ", ALNUM + "/+", 40, ""),
    "password": ("password=", ALNUM + "!#%*.", 14, ""),
    "Password": ("Password: ", ALNUM, 12, ""),
    "passwd": ("passwd : ", ALNUM, 12, ""),
    "quoted": ('"password": "', ALNUM + " !", 20, '",'),
    "single": ("DB_PASSWORD='", ALNUM + " ;", 20, "'"),
    "api key": ("X-Api-Key: ", ALNUM, 32, ""),
    "secret": ("client_secret=", WORD, 40, "&x=1"),
    "option": ("mysql --password ", ALNUM, 16, " db"),
    "bearer": ("Authorization: Bearer ", WORD, 30, ""),
    "basic": ("authorization: Basic ", ALNUM, 24, ""),
    "url": ("postgres://app:", ALNUM + ".!", 14, "@db.local:5432/app"),
    "hash": ("root:$6$", ALNUM + "./", 80, ":19000:0"),
}
"""Secrets that are known by what stands before them."""

STYLES = ("plain", "coloured", "each", "cursor", "title", "link", "string inside", "wrapped", "editor", "zero", "wide")
WORDS = ("deploy", "to", "the", "server", "of", "which", "nobody", "knows", "total", "drwxr-xr-x", "ok", "/usr/lib")
SGR = (b"\x1b[31m", b"\x1b[0m", b"\x1b[1;32m", b"\x1b[38;5;9m", b"\x1b[48;2;1;2;3m", b"\x1b[K", b"\x1b[m")


def cases(count: int = COUNT) -> Iterator[Case]:
    """Make the cases: every kind, in every style, in turns."""
    kinds = [*TOKENS, *VALUES]
    for seed in range(count):
        chance = random.Random(f"secret {seed}")
        kind, style = kinds[seed % len(kinds)], STYLES[seed // len(kinds) % len(STYLES)]
        before, secret, after = _secret(chance, kind)
        if "\r\n" in secret and style in ("title", "link", "wrapped", "editor"):
            style = "coloured"
        if kind in VALUES and style in ("wrapped", "editor"):
            before = before.replace(" : ", ": ")
        line = _words(chance, 2) + " "
        plain = (line + before).encode()
        styled = _styled(chance, style, plain, secret.encode(), after.encode())
        around = _lines(chance), _lines(chance)
        output = around[0] + styled + b" " + _words(chance, 2).encode() + b"\r\n" + around[1]
        inside = range(len(around[0]), len(output) - len(around[1]))
        yield Case(seed, kind, style, output, secret, COLS, _pieces(chance, output, inside))


def survivors(secret: str, recorded: bytes) -> list[str]:
    """Return what is left of a secret in output, with colours and without them."""
    there = _windows(recorded)
    # A key's first line is no secret.
    core = re.sub(r"-----[A-Z ]+-----", "", secret).replace("\r\n", "")
    parts = {core[at : at + WINDOW].encode() for at in range(len(core) - WINDOW + 1)}
    return sorted(part.decode() for part in parts & there)


@functools.lru_cache(2)
def _windows(recorded: bytes) -> set[bytes]:
    """All that may be a part of a secret: many are looked for in the same output."""
    texts = {without_controls(recorded), re.sub(rb"[\r\n\x00]", b"", recorded)}
    return {text[at : at + WINDOW] for text in texts for at in range(len(text) - WINDOW + 1)}


def without_controls(data: bytes) -> bytes:
    """Take the controls of the cases, and line ends, out of output."""
    return re.sub(rb"\x1b\][^\x07]*\x07|\x1b\[[0-9;?]*[A-Za-z]|\xc2\x9b[0-9;]*m|[\x00\x08\r\n]", b"", data)


def harmless() -> list[str]:
    """Return what must stay as it is."""
    chance = random.Random("harmless")
    image = base64.b64encode(chance.randbytes(30_000)).decode()
    return [
        *(hashlib.sha1(chance.randbytes(8), usedforsecurity=False).hexdigest() for _ in range(40)),
        *(hashlib.sha256(chance.randbytes(8)).hexdigest() for _ in range(40)),
        *(str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(40)),
        f"data:image/png;base64,{image}",
        json.dumps({"image": image[:4000], "count": 12}),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA" + image[:43] + " me@host",
        "[sudo] password for deploy: ",
        "Enter new UNIX password: \r\nRetype new UNIX password: \r\npasswd: password updated successfully"[:55],
        "cat: /etc/passwd: Permission denied",
        "-rw-r--r-- 1 root root 1234 Nov 28 passwd tokens secrets.py password_test.go",
        "http://localhost:8080/path@2x.png https://example.com:443/ ftp://host/a:b@c",
        "git@github.com:whale/whale.git user@host:~/secret$ ls",
        "the secret of a good password is that nobody has the token",
        "sk_test_1234567890abcdefghijklmnop npm_config_cache=/tmp eyJ is how a JSON object begins",
        "-----BEGIN CERTIFICATE-----\r\nMIIB" + image[:60] + "\r\n-----END CERTIFICATE-----",
        "WWW-Authenticate: Bearer realm=registry",
        "AKIA is a prefix, glpat- too, whale_ too, and pypi-server is a package",
        "\x1b[1;31mE\x1b[0m \x1b]0;a title\x07 caf\xc3\xa9 100% \x1b[?25l\x1b[2J\x1b[H",
    ]


def _secret(chance: random.Random, kind: str) -> tuple[str, str, str]:
    if kind in TOKENS:
        return chance.choice(("", "token is ", '"', "export T=", "(")), TOKENS[kind](chance), ""
    before, chars, length, after = VALUES[kind]
    inside = "".join(chance.choice(chars) for _ in range(length - 2))
    return before, chance.choice(ALNUM) + inside + chance.choice(ALNUM), after


def _styled(chance: random.Random, style: str, before: bytes, secret: bytes, after: bytes) -> bytes:
    if style in ("title", "link"):
        opened = b"\x1b]0;" if style == "title" else b"\x1b]8;;https://host/"
        return opened + before + secret + after + b"\x07 some text"
    if style in ("wrapped", "editor"):
        gap = b"\r\n" if style == "wrapped" else b" \r"
        text = before + secret
        return gap.join(text[at : at + COLS] for at in range(0, len(text), COLS)) + after
    noise: dict[str, Callable[[], bytes]] = {
        "plain": lambda: b"",
        "coloured": lambda: chance.choice(SGR) if chance.random() < 0.1 else b"",
        "each": lambda: chance.choice(SGR),
        "cursor": lambda: chance.choice((b"\x1b[?25l", b"\x1b[?25h", b"\x1b[K", b"")),
        "string inside": lambda: b"\x1b]0;working\x07" if chance.random() < 0.1 else b"",
        "zero": lambda: chance.choice((b"\x00", b"", b"\x08 \x08"[:0])),
        "wide": lambda: b"\xc2\x9b31m" if chance.random() < 0.2 else b"",
    }
    return before + b"".join(bytes((value,)) + noise[style]() for value in secret) + after


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count))


def _lines(chance: random.Random) -> bytes:
    """Some lines, or many, so that the fast way is taken, too."""
    count = chance.choice((0, 1, 3, 60))
    return b"".join(f"\x1b[3{chance.randrange(8)}m{_words(chance, 6)}\x1b[0m\r\n".encode() for _ in range(count))


def _pieces(chance: random.Random, output: bytes, inside: range) -> list[bytes]:
    how = chance.randrange(4)
    if how == 0:
        return [output]
    if how == 1:
        return [output[: inside.start], *(output[at : at + 1] for at in inside), output[inside.stop :]]
    cuts = sorted(chance.randrange(len(output) + 1) for _ in range(chance.choice((1, 5, 40))))
    return [output[start:end] for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True)]
