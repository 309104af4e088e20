"""The policies that come with whale: those in force where an administrator has none, and roles to begin with."""

from importlib import resources
from typing import Literal

from whale.model.errors import ConfigError
from whale.policy.rules import Rules, load_rules
from whale.policy.source import PolicyFile

Sharing = Literal["own", "view", "control"]
"""What a token may do with the sessions of other tokens: nothing, look on, or everything."""

ROLES = ("admin", "operator", "developer", "viewer", "self-service", "own-sessions")


def open_files(*, allow_privileged: bool = False, sessions: Sharing = "own", audit: bool = False) -> list[PolicyFile]:
    """The files in force without a policy directory; three settings choose among them."""
    names = ["everyone", "no-recordings"]
    if not allow_privileged:
        names.append("no-privileged")
    if sessions != "control":
        names.append("no-sessions-of-others" if sessions == "own" else "no-control-of-others")
    if not audit:
        names.append("no-audit")
    return [_file("open", name) for name in names]


def open_rules(*, allow_privileged: bool = False, sessions: Sharing = "own", audit: bool = False) -> Rules:
    """The rules of those files."""
    return made_rules(open_files(allow_privileged=allow_privileged, sessions=sessions, audit=audit))


def role_files() -> list[PolicyFile]:
    """The files of roles by group, to be copied and changed."""
    return [_file("roles", name) for name in ROLES]


def made_rules(files: list[PolicyFile]) -> Rules:
    """Make rules of files. Raises `ConfigError` with file and line of what is wrong, the first in full."""
    rules, problems = load_rules(files)
    if rules is None:
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise ConfigError(
            f"{problems[0]}{more}", path="policy.dir", hint="`whale-server policy check` shows everything that is wrong"
        )
    return rules


def _file(folder: str, name: str) -> PolicyFile:
    path = resources.files("whale.policy").joinpath("shipped", folder, f"{name}.cedar")
    return PolicyFile(f"{name}.cedar", path.read_text(encoding="utf-8"))
