"""From the words of a command line to the request for a session."""

from collections.abc import Mapping

from whale.cli.options import ExecOptions
from whale.cli.reason import read_reason
from whale.client.session import SessionRequest
from whale.model.errors import UsageError
from whale.model.exec import ExecSpec
from whale.model.names import is_name

TERMINAL_VARIABLES = ("TERM", "COLORTERM")
"""What a program in a terminal must know of it. Nothing else of the user's environment leaves the machine unasked."""


def exec_request(options: ExecOptions, environ: Mapping[str, str]) -> SessionRequest:
    """Make the request of `whale exec`. Raises `UsageError`."""
    return _request(options, options.command, environ, tty=options.tty, stdin=options.interactive)


def shell_request(options: ExecOptions, environ: Mapping[str, str]) -> SessionRequest:
    """Make the request of `whale shell`: a terminal, and a login shell where no command is given."""
    command = options.command
    if command[:1] == ("--",):
        command = command[1:]
    return _request(options, command, environ, tty=True, stdin=True)


def _request(
    options: ExecOptions, command: tuple[str, ...], environ: Mapping[str, str], *, tty: bool, stdin: bool
) -> SessionRequest:
    for flag, value in (("-u", options.user), ("-w", options.workdir)):
        if value.startswith("="):
            raise UsageError(f"{flag}{value} is not understood", hint=f"write {flag} {value[1:]}")
    spec = ExecSpec(
        command=command,
        tty=tty,
        stdin=stdin,
        user=options.user,
        env=_environment(options.env, environ, tty=tty),
        workdir=options.workdir,
        privileged=options.privileged,
    )
    if options.name and not is_name(options.name):
        raise UsageError(f"{options.name!r} can't be a session's name", hint="use letters, digits and _ . -")
    return SessionRequest(
        options.container,
        spec,
        listens=not options.no_escape,
        resumes=not options.no_resume,
        name=options.name,
        reason=read_reason(options.reason, environ),
    )


def _environment(given: tuple[str, ...], environ: Mapping[str, str], *, tty: bool) -> tuple[tuple[str, str], ...]:
    variables = {name: environ[name] for name in TERMINAL_VARIABLES if tty and environ.get(name)}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not name:
            raise UsageError(f"{entry!r} is no variable", hint="write -e KEY=VALUE, or -e KEY for your own value")
        if equals:
            variables[name] = value
        elif name in environ:
            variables[name] = environ[name]
        # As in docker: a variable that is not set here is not sent.
    return tuple(variables.items())
