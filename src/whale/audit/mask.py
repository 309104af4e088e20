"""Masks secrets in what people type: command lines, variables, labels. Pure.

By rules, so it finds what looks like a secret and no other; tests/unit/audit/test_mask.py is the list of what it must
find and what it must leave. Every expression takes time in proportion to the text: it reads what strangers send.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Final

from whale.model.limits import KIB

MASK: Final = "***"

MAX_MASKED: Final = 8 * KIB
"""Characters of a command, or of all variables, that an event has room for."""

_LONGEST: Final = 1024
"""Characters of the longest secret that the rules look for."""

_WORD = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|auth)"
)

_SECRET_NAME: Final = re.compile(
    rf"(?:{_WORD}|(?:^|[_.-])key)(?:[_.-]?(?:base64|b64|hash|default|value|\d{{1,3}}))?$|passw",
    re.IGNORECASE,
)
_HARMLESS_NAMES: Final = frozenset({"PWD", "OLDPWD", "SSH_AUTH_SOCK", "PASSWORD_STORE_DIR"})
_FILE_NAME: Final = re.compile(r"(?:_file|_path|_dir|_sock)$", re.IGNORECASE)

# In any text, also inside the string of a `sh -c`. Group 1 stays, what follows it goes.
_RULES: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # scheme://user:password@host, and scheme://token@host
        (r"(\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@'\"?#]{0,256}:)[^\s'\"/]{1,512}(?=@)", re.IGNORECASE),
        (r"(\b[a-z][a-z0-9+.-]{1,30}://)[^\s/:@'\"?#]{16,512}(?=@)", re.IGNORECASE),
        # --password=…, --db-password …, --token "…", -Dpassword=…
        (
            rf"((?<![\w])-{{1,2}}(?:[a-z0-9]{{1,30}}[_.-]){{0,6}}{_WORD}(?:\s*=\s*|\s+))(?:'[^']*'|\"[^\"]*\"|[^\s'\";&|]+)",
            re.IGNORECASE,
        ),
        # NAME_PASSWORD=…, password: "…", "token": "…", ?token=…, IDENTIFIED BY is below
        (
            rf"((?<![a-z0-9])(?:[a-z0-9]{{1,30}}[_.-]){{0,6}}[a-z0-9]{{0,20}}{_WORD}[\"']?\s{{0,3}}(?:=|:)\s{{0,3}})"
            r"(?:'[^']*'|\"[^\"]*\"|\\\"[^\"]*\\\"|[^\s'\",;&|(){}]+)",
            re.IGNORECASE,
        ),
        # bearer and basic headers
        (r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
        (r"(\b(?:authorization|cookie|set-cookie|x-[a-z-]{0,20}(?:key|token))\s{0,3}:\s{0,3})[^'\"\n]+", re.IGNORECASE),
        # SQL
        (r"(\b(?:identified\s+(?:with\s+\w+\s+)?by|password)\s+)(?:'[^']*'|\"[^\"]*\")", re.IGNORECASE),
        # whole families of credentials, by how they look
        (r"(\bwhale_)[0-9A-Za-z]{19,}", 0),
        (r"(\b(?:AKIA|ASIA|AIDA|AROA))[0-9A-Z]{12,}", 0),
        (
            r"(\b(?:gh[opusr]_|github_pat_|glpat-|xox[abeoprs]-|sk-|sk_live_|rk_live_|npm_|pypi-|dckr_pat_|hvs\.|AIza))[\w-]{16,}",
            0,
        ),
        (r"(\beyJ)[\w-]{8,}\.[\w-]{8,}\.?[\w-]*", 0),
        (r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)[^-]*", 0),
        (r"(\baws_secret_access_key\s*=?\s*)[A-Za-z0-9/+=]{16,}", re.IGNORECASE),
        # openssl's pass:…
        (r"(\bpass:)[^\s'\"]+", 0),
    )
)

_MYSQL: Final = frozenset(
    {
        "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mysqlshow", "mysqlpump", "mysqlbinlog",
        "mariadb", "mariadb-dump", "mariadb-admin", "mariadb-check", "mariadb-import", "mariadb-backup", "xtrabackup",
    }
)  # fmt: skip

_GLUED: Final = {
    **dict.fromkeys(_MYSQL, ("-p",)),
    "redis-cli": ("-a",),
    "sshpass": ("-p",),
    "7z": ("-p",),
    "7za": ("-p",),
    "unrar": ("-p",),
    "sqlcmd": ("-P",),
    "bcp": ("-P",),
    "ldapsearch": ("-w",),
    "ldapmodify": ("-w",),
    "mongo": ("-p",),
    "mongosh": ("-p",),
    "mongodump": ("-p",),
    "mongorestore": ("-p",),
    "curl": ("-u", "-U", "-b"),
    "wget": (),
    "zip": ("-P",),
    "unzip": ("-P",),
    "smbclient": ("-U",),
    "snmpwalk": ("-c", "-A", "-X"),
    "docker": ("-p",),
    "podman": ("-p",),
    "helm": ("-p",),
}
"""Programs by whose short options a password follows, in the same word or the next one."""

_ONLY_GLUED: Final = _MYSQL
"""Programs whose `-p` alone asks for the password; the next word is a database."""

_LOGIN_ONLY: Final = frozenset({"docker", "podman", "helm"})
"""Programs whose `-p` is a password after the word `login`, and else a port."""

_PAIRED_LONG: Final = re.compile(
    rf"^--?(?:[a-z0-9]{{1,30}}[_.-]){{0,6}}[a-z0-9]{{0,20}}(?:{_WORD}|proxy-user|key)$", re.IGNORECASE
)
"""A long option whose value is the next word. A single dash too: `keytool -storepass x`, Java style."""

_HARMLESS_LONG: Final = frozenset(
    {"--no-password", "--key", "-key", "--password-stdin", "--auth", "-auth", "--no-auth", "--public-key"}
)
_AWS: Final = frozenset({"aws_secret_access_key", "aws_session_token"})
"""Words of `aws configure set` whose value is the next one."""

_PROGRAMS: Final = "|".join(sorted(map(re.escape, _MYSQL), key=len, reverse=True))
_IN_STRING: Final = (
    re.compile(rf"(\b(?:{_PROGRAMS})\b(?:[ \t]+(?!-p)[^\s|;&]+){{0,40}}[ \t]+-p)(?:'[^']*'|\"[^\"]*\"|[^\s'\"|;&]+)"),
    re.compile(r"(\b(?:redis-cli|sshpass)\b(?:[ \t]+(?!-[ap])[^\s|;&]+){0,40}[ \t]+-[ap][ \t]*)[^\s|;&]+"),
    re.compile(r"(\bcurl\b(?:[ \t]+(?!-u)[^\s|;&]+){0,40}[ \t]+(?:-u|--user)[ \t]*)[^\s|;&]+"),
)


def mask_text(text: str) -> str:
    """Mask what looks like a secret anywhere in a text."""
    for rule in (*_RULES, *_IN_STRING):
        text = rule.sub(rf"\g<1>{MASK}", text)
    return text


def mask_command(command: Sequence[str]) -> tuple[str, ...]:
    """Mask the secrets in a command's arguments, whose order stays. What is too long is cut, and says so."""
    masked: list[str] = []
    short: tuple[str, ...] = ()
    program = ""
    hides_next = False
    room = MAX_MASKED
    for count, argument in enumerate(command):
        if room <= 0:
            return (*masked, f"… {len(command) - count} more")
        name = posixpath.basename(argument)
        if name in _GLUED and not argument.startswith("-"):
            program, short = name, () if name in _LOGIN_ONLY else _GLUED[name]
        elif argument == "login" and program in _LOGIN_ONLY:
            short = _GLUED[program]
        # Beyond the room, so that a secret that is cut is still known as one.
        piece = argument[: room + _LONGEST]
        hidden, hides_next = (MASK, False) if hides_next else _mask_argument(piece, program, short)
        masked.append(hidden if len(hidden) <= room and piece == argument else hidden[:room] + "…")
        room -= len(hidden) + 1
    return tuple(masked)


def _mask_argument(argument: str, program: str, short: tuple[str, ...]) -> tuple[str, bool]:
    """Return an argument without its secret, and whether the next one is one."""
    for option in short:
        if argument == option:
            return argument, program not in _ONLY_GLUED
        if argument.startswith(option) and not argument.startswith("--"):
            return option + MASK, False
    if (argument == "--user" and program == "curl") or argument.lower() in _AWS:
        return argument, True
    if _PAIRED_LONG.match(argument) and argument.lower() not in _HARMLESS_LONG:
        return argument, program not in _ONLY_GLUED
    name, equals, _ = argument.partition("=")
    if equals and name.isidentifier() and is_secret_name(name):
        return f"{name}={MASK}", False
    return mask_text(argument), False


def mask_env(env: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Write variables as NAME=value, without the values of those that are secret by name or by look."""
    return tuple(f"{name}={value}" for name, value in mask_labels(env).items())


def mask_labels(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Do the same for labels, and for whatever else has names. What is too much is left out, and says so."""
    masked: dict[str, str] = {}
    room = MAX_MASKED
    for name, value in labels:
        if room <= 0:
            masked["…"] = "more"
            break
        piece = mask_text(value[: room + _LONGEST])
        hidden = MASK if value and is_secret_name(name) else piece[:room]
        masked[name[:_LONGEST]] = hidden
        room -= len(name) + len(hidden) + 2
    return masked


def is_secret_name(name: str) -> bool:
    """Tell whether what goes by this name is a secret. The name of a file that holds one is not."""
    return name.upper() not in _HARMLESS_NAMES and not _FILE_NAME.search(name) and bool(_SECRET_NAME.search(name))
