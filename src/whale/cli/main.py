"""Entry point of `whale`: the shortest way to the work, and one line for whatever goes wrong.

`exec` and `shell` are read by a small parser and never wait for click; everything else is click's.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from whale.cli.fast import parse_fast
from whale.client.profile import environment
from whale.model.errors import WhaleError

if TYPE_CHECKING:
    import click

    cli: click.Group

PROGRAM = "whale"
COMPLETION_VARIABLES = ("_WHALE_COMPLETE", "_WHALE_CLI_COMPLETE")
EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process; return its exit status."""
    return invoke(sys.argv[1:])


def invoke(args: Sequence[str]) -> int:
    """Run one command line and return its exit status. Failures are one line on stderr."""
    try:
        environ = environment()
        completing = any(name in environ for name in COMPLETION_VARIABLES)
        fast = None if completing else parse_fast(args)
        if fast is not None:
            from whale.cli.run import run_exec

            return run_exec(fast.verb, fast.options)
        from whale.cli.app import invoke_click

        return invoke_click(args)
    except WhaleError as error:
        return fail(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def fail(error: WhaleError) -> int:
    """Say on one line what failed and what to do; return the exit status for it."""
    from whale.cli.failures import report

    message = f"{error.message} ({error.hint})" if error.hint else error.message
    return report(PROGRAM, WhaleError(message, code=error.code))


def __getattr__(name: str) -> Any:
    if name == "cli":
        from whale.cli.app import cli

        return cli
    raise AttributeError(name)
