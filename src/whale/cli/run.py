"""`whale exec` and `whale shell`: run the session. Shared by the fast way in and by click's."""

import os

from whale.cli.options import ExecOptions
from whale.cli.reason import ask_reason, can_ask
from whale.cli.request import exec_request, shell_request
from whale.client.profile import environment, find_server
from whale.client.session import run_session
from whale.model.errors import AccessDenied, UsageError


def run_exec(verb: str, options: ExecOptions) -> int:
    """Run what the options say; return the exit status. Raises `WhaleError`."""
    environ = environment()
    if verb == "shell" and not os.isatty(0):
        raise UsageError(
            "a shell needs a terminal, and the input is none",
            code="usage.no_terminal",
            hint="to send commands to a shell use: whale exec -i CONTAINER sh",
        )
    request = (shell_request if verb == "shell" else exec_request)(options, environ)
    profile = find_server(context=options.context, insecure_http=options.insecure_http, environ=environ)
    try:
        return run_session(profile, request)
    except AccessDenied as error:
        if error.code != "access.reason" or not can_ask() or not (reason := ask_reason()):
            raise
    return run_session(profile, request._replace(reason=reason))
