"""Write docs/reference/cli.md from the commands themselves, or compare them (`--check`)."""

import sys
from collections.abc import Iterator

import click

from scripts.generated import ROOT, write_or_check

PAGE = ROOT / "docs" / "reference" / "cli.md"
_HEAD = """# Command line reference

<!-- Written by `make reference` from the commands; do not edit. Every text here is what `--help` prints. -->
"""
_WIDTH = 100


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each command with its help text: first the command itself, then those below it, in the order of `--help`."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                settings = {**below.context_settings, "max_content_width": _WIDTH}
                inner = click.Context(below, info_name=name, parent=context, **settings)
                yield from commands(below, inner)


def section(path: str, text: str) -> str:
    """One command's part of the page; commands lie as deep as their words."""
    return f"\n{'#' * (path.count(' ') + 2)} {path}\n\n```text\n{text.strip()}\n```\n"


def page(programs: dict[str, click.Command]) -> str:
    """The whole page."""
    parts = [_HEAD]
    for name, command in programs.items():
        # A fixed width, so that the page does not depend on the terminal of whoever writes it.
        settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
        context = click.Context(command, info_name=name, **settings)
        parts.extend(section(path, text) for path, text in commands(command, context))
    return "".join(parts)


def main() -> int:
    from whale.cli.main import cli as whale
    from whale.cli.server import whale_server as server

    text = page({"whale": whale, "whale-server": server})
    return write_or_check(PAGE, text, sys.argv[1:], command="make reference")


if __name__ == "__main__":
    sys.exit(main())
