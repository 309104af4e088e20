"""The guard: refuses what no policy could allow, before an engine sees it. Pure.

It returns the specification in the form that was checked, so that what runs is what was looked at.
"""

import posixpath

from whale.model.errors import UsageError
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_COMMAND_ARGS, MAX_ENV_VARS
from whale.model.text import printable

SESSION_VARIABLE = "WHALE_SESSION"
"""Marks the process tree of a session. A client that could set it could have another session's tree ended."""


def check_spec(spec: ExecSpec) -> ExecSpec:
    """Check what a client asks to run and return it with its working directory normalised.

    Raises `UsageError`: code usage.workdir for the working directory, usage for the rest.
    """
    _check_command(spec.command)
    _check_environment(spec.env)
    _check_text("the user", spec.user)
    if spec.size is not None and not spec.size.is_valid:
        raise UsageError("the terminal size is out of range", hint="columns and rows go from 1 to 65535")
    return spec._replace(workdir=_check_workdir(spec.workdir))


def _check_command(command: tuple[str, ...]) -> None:
    if len(command) > MAX_COMMAND_ARGS:
        raise UsageError(
            f"the command has more than {MAX_COMMAND_ARGS} arguments", hint="send a long list through stdin"
        )
    for argument in command:
        _check_text("the command", argument)
    if command and not command[0]:
        raise UsageError("the command is empty", hint="name the program to run first")


def _check_environment(env: tuple[tuple[str, str], ...]) -> None:
    if len(env) > MAX_ENV_VARS:
        raise UsageError(f"more than {MAX_ENV_VARS} environment variables", hint="set fewer")
    for name, value in env:
        _check_text("an environment variable's name", name)
        if not name or "=" in name:
            raise UsageError("an environment variable's name is empty or has a '='", hint="use NAME=VALUE")
        if name == SESSION_VARIABLE:
            raise UsageError(f"the variable {SESSION_VARIABLE} is whale's own", hint="use another name")
        _check_text(f"the variable {printable(name)}", value)


def _check_workdir(workdir: str) -> str:
    if not workdir:
        return ""
    _check_text("the working directory", workdir, code="usage.workdir")
    if not workdir.startswith("/"):
        raise UsageError("the working directory is not absolute", code="usage.workdir", hint="start it with a slash")
    # normpath keeps exactly two leading slashes: POSIX lets a system give them a meaning. Linux does not.
    normal = "/" + posixpath.normpath(workdir).lstrip("/")
    if normal == "/proc" or normal.startswith("/proc/"):
        # CVE-2024-21626: /proc/self/fd/N leads a runc before 1.1.12 out of the container.
        raise UsageError(
            "the working directory lies under /proc",
            code="usage.workdir",
            hint="start elsewhere and cd there",
        )
    return normal


def _check_text(what: str, text: str, *, code: str = "usage") -> None:
    if "\0" in text:
        raise UsageError(f"{what} has a NUL character", code=code, hint="take it out: no program can receive it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not valid Unicode", code=code, hint="use UTF-8") from error
