"""The options of `exec` and `shell`, declared once: the fast parser and click both read these tables."""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """How an option takes its value."""

    FLAG = 0
    VALUE = 1
    MULTI = 2


class OptionSpec(NamedTuple):
    """One option. `name` is the field of `ExecOptions` that it fills."""

    name: str
    flags: tuple[str, ...]
    kind: Kind
    help: str
    metavar: str = ""


class ExecOptions(NamedTuple):
    """What a command line of `exec` or `shell` says."""

    container: str
    command: tuple[str, ...]
    context: str = ""
    insecure_http: bool = False
    interactive: bool = False
    tty: bool = False
    user: str = ""
    workdir: str = ""
    env: tuple[str, ...] = ()
    privileged: bool = False
    no_escape: bool = False
    no_resume: bool = False
    name: str = ""
    reason: str = ""


GLOBAL_OPTIONS = (
    OptionSpec("context", ("--context",), Kind.VALUE, "Use this login instead of the current one.", "NAME"),
    OptionSpec("insecure_http", ("--insecure-http",), Kind.FLAG, "Allow plain http to another machine."),
)

_USER = OptionSpec("user", ("-u", "--user"), Kind.VALUE, "User name or id, with :GROUP if wanted.", "USER")
_WORKDIR = OptionSpec("workdir", ("-w", "--workdir"), Kind.VALUE, "Working directory in the container.", "DIR")
_ENV = OptionSpec("env", ("-e", "--env"), Kind.MULTI, "Set a variable; KEY alone takes your own value.", "KEY[=VALUE]")
_NO_ESCAPE = OptionSpec("no_escape", ("--no-escape",), Kind.FLAG, "Send ~. and the other escape keys as they are.")
_NO_RESUME = OptionSpec(
    "no_resume", ("--no-resume",), Kind.FLAG, "End with a connection that breaks, instead of going on over a new one."
)

_NAME = OptionSpec(
    "name", ("--name",), Kind.VALUE, "Give the session a name, or come back to the one that has it.", "NAME"
)

REASON = OptionSpec(
    "reason", ("--reason",), Kind.VALUE, "Say why, for the policy and the audit trail.  [env: WHALE_REASON]", "TEXT"
)

EXEC_OPTIONS = (
    OptionSpec("interactive", ("-i", "--interactive"), Kind.FLAG, "Pass standard input to the command."),
    OptionSpec("tty", ("-t", "--tty"), Kind.FLAG, "Give the command a terminal."),
    _USER,
    _WORKDIR,
    _ENV,
    OptionSpec("privileged", ("--privileged",), Kind.FLAG, "Give the command extended privileges."),
    _NO_ESCAPE,
    _NO_RESUME,
    _NAME,
    REASON,
)

SHELL_OPTIONS = (_USER, _WORKDIR, _ENV, _NO_ESCAPE, _NO_RESUME, _NAME, REASON)
