"""Reads an engine's reason for not starting a command. Pure.

The engines have one exit code for many reasons (126 even for a command that is not there), so the text decides.
"""

from whale.engine.docker.errors import from_answer
from whale.engine.docker.start import StartPlan
from whale.model.errors import ExecError, TargetError, WhaleError
from whale.model.exec import ExecSpec
from whale.model.text import printable

_NOT_RUNNING = ("is not running", "is paused", "is restarting", "container state improper", "cannot exec in a")


def start_failure(text: str, spec: ExecSpec, plan: StartPlan) -> WhaleError:
    """Turn the engine's text into the error it means."""
    lower = text.lower()
    detail = text.strip()[:1000]
    if any(words in lower for words in _NOT_RUNNING):
        return from_answer(409, text, "exec")
    if "chdir to cwd" in lower or "cwd must be" in lower or "workdir" in lower or "working dir" in lower:
        return ExecError(
            f"no such working directory in the container: {printable(spec.workdir)}",
            code="exec.workdir",
            hint="Give an absolute path that exists in the container.",
            detail=detail,
        )
    if "unable to find user" in lower or "unable to find group" in lower or "no matching entries in" in lower:
        return ExecError(
            f"no such user in the container: {printable(spec.user)}",
            code="exec.user",
            hint="Give a name of its /etc/passwd, or numbers: UID or UID:GID.",
            detail=detail,
        )
    if "executable file not found" in lower or "no such file or directory" in lower:
        return no_shell(detail) if plan.command != spec.command else missing_command(spec, detail)
    return not_started(spec, detail)


def refused_start(status: int, text: str, what: str, spec: ExecSpec, plan: StartPlan) -> WhaleError:
    """Turn an answer that refuses the start into the error it means: some engines say there what is wrong."""
    if status in (404, 409):
        return from_answer(status, text, what)
    failure = start_failure(text, spec, plan)
    return failure if failure.code != "exec.not_started" else from_answer(status, text, what)


def marked_failure(text: str, spec: ExecSpec) -> WhaleError:
    """Turn what a wrapped command said behind its mark into the error it means."""
    if text.startswith("not_found"):
        return missing_command(spec, "said by the wrapper")
    return not_started(spec, "said by the wrapper")


def no_shell(detail: str) -> TargetError:
    """Make the error for a container without the shell that a login, or the wrapper, needs."""
    return TargetError(
        "the container has no shell",
        code="target.no_shell",
        hint="Run a program that it has: whale shell CONTAINER -- PROGRAM.",
        detail=detail,
    )


def missing_command(spec: ExecSpec, detail: str) -> ExecError:
    """Make the error for a command that is not in the container."""
    return ExecError(
        f"no such command in the container: {printable(spec.command[0])}",
        code="exec.not_found",
        hint="Check the spelling, and the container's PATH.",
        detail=detail,
    )


def not_started(spec: ExecSpec, detail: str) -> ExecError:
    """Make the error for a command that is there and can't run."""
    name = printable(spec.command[0]) if spec.command else "a shell"
    return ExecError(
        f"the container could not start {name}",
        code="exec.not_started",
        hint="Check that it is a program, for this machine's processor, and that the user may run it.",
        detail=detail,
    )
