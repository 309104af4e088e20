"""A parser for the common command lines of `exec` and `shell`, without the 40 ms that click takes to import.

It never decides a doubt: whatever is not plainly right makes it return None, and click parses, explains or refuses.
A test holds it to click's reading of everything it accepts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from whale.cli.options import EXEC_OPTIONS, GLOBAL_OPTIONS, SHELL_OPTIONS, ExecOptions, Kind, OptionSpec


class FastCommand(NamedTuple):
    """A command line that was understood. `verb` is "exec" or "shell"."""

    verb: str
    options: ExecOptions


def parse_fast(args: Sequence[str]) -> FastCommand | None:
    """Parse what follows the program's name; None means that click must."""
    outer = _read_options(args, GLOBAL_OPTIONS)
    if outer is None or not outer[1]:
        return None
    values, rest = outer
    verb = rest[0]
    if verb not in ("exec", "shell"):
        return None
    inner = _read_options(rest[1:], EXEC_OPTIONS if verb == "exec" else SHELL_OPTIONS)
    if inner is None:
        return None
    values |= inner[0]
    positional = inner[1]
    if len(positional) < (2 if verb == "exec" else 1):
        return None
    return FastCommand(verb, ExecOptions(container=positional[0], command=tuple(positional[1:]), **values))


def _read_options(args: Sequence[str], table: tuple[OptionSpec, ...]) -> tuple[dict[str, Any], Sequence[str]] | None:
    """Read options up to the first argument that is none; return them and the rest."""
    known = {flag: spec for spec in table for flag in spec.flags}
    values: dict[str, Any] = {}
    position = 0
    while position < len(args):
        arg = args[position]
        if arg == "--":
            position += 1
            break
        if not arg.startswith("-") or arg == "-":
            break
        position += 1
        for flag, attached in _split(arg, known):
            spec = known.get(flag)
            if spec is None:
                return None
            if spec.kind is Kind.FLAG:
                if attached is not None:
                    return None
                values[spec.name] = True
                continue
            if attached is None:
                if position == len(args):
                    return None
                attached = args[position]
                position += 1
            values[spec.name] = (*values.get(spec.name, ()), attached) if spec.kind is Kind.MULTI else attached
    return values, args[position:]


def _split(arg: str, known: dict[str, OptionSpec]) -> list[tuple[str, str | None]]:
    """Split one argument into flags, each with the value that is attached to it, or None."""
    if arg.startswith("--"):
        flag, equals, value = arg.partition("=")
        return [(flag, value if equals else None)]
    found: list[tuple[str, str | None]] = []
    for index in range(1, len(arg)):
        flag = f"-{arg[index]}"
        spec = known.get(flag)
        attached = arg[index + 1 :]
        if spec is None or spec.kind is Kind.FLAG:
            found.append((flag, None))
        elif attached.startswith("="):
            return [(arg, None)]  # docker and click read -u=x differently: not known here
        else:
            found.append((flag, attached or None))
            break
    return found
