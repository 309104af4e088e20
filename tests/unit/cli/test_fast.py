"""The fast parser: whatever it accepts, click reads the same way."""

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whale.cli.app import GlobalOptions, cli
from whale.cli.exec import exec_options
from whale.cli.fast import FastCommand, parse_fast
from whale.cli.options import EXEC_OPTIONS, GLOBAL_OPTIONS, SHELL_OPTIONS, ExecOptions

FLAGS = sorted(
    {flag for table in (GLOBAL_OPTIONS, EXEC_OPTIONS, SHELL_OPTIONS) for spec in table for flag in spec.flags}
)
WORDS = st.one_of(
    st.sampled_from(
        ["exec", "shell", "web", "ls", "--", "-", "", "A=1", "-it", "-ti", "-iu", "-uroot", "-u=root", "-itu"]
    ),
    st.sampled_from(FLAGS),
    st.sampled_from(FLAGS).map(lambda flag: f"{flag}=x"),
    st.sampled_from(FLAGS).map(lambda flag: f"{flag}x"),
    st.sampled_from(
        ["--help", "-h", "--version", "--user=", "--nope", "-x", "--inter", "--env=A=B", "-eA=B", "-wdir", "---", "-i-"]
    ),
    st.text(max_size=5),
)
LINES = st.one_of(
    st.lists(WORDS, max_size=9),
    st.tuples(st.lists(WORDS, max_size=2), st.sampled_from(["exec", "shell"]), st.lists(WORDS, max_size=8)).map(
        lambda parts: [*parts[0], parts[1], *parts[2]]
    ),
)


def click_reads(args: list[str]) -> FastCommand:
    """Parse with click, and stop before anything is done."""
    outer = cli.make_context("whale", list(args))
    verb, command, rest = cli.resolve_command(outer, [*outer._protected_args, *outer.args])
    assert verb is not None
    assert command is not None
    inner = command.make_context(verb, rest, parent=outer)
    return FastCommand(verb, exec_options(GlobalOptions(**outer.params), inner.params))


@settings(max_examples=1500)
@given(LINES)
def test_what_it_accepts_click_reads_the_same(args: list[str]) -> None:
    found = parse_fast(args)
    if found is not None:
        assert found == click_reads(args)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("exec web ls -l", ExecOptions("web", ("ls", "-l"))),
        ("exec -it web sh", ExecOptions("web", ("sh",), interactive=True, tty=True)),
        ("exec -uroot -w /x web ls", ExecOptions("web", ("ls",), user="root", workdir="/x")),
        ("exec --user=x --env A=1 -eB web ls", ExecOptions("web", ("ls",), user="x", env=("A=1", "B"))),
        ("exec --privileged -- web ls", ExecOptions("web", ("ls",), privileged=True)),
        ("exec web -- ls", ExecOptions("web", ("--", "ls"))),
        ("--context c --insecure-http exec web ls", ExecOptions("web", ("ls",), context="c", insecure_http=True)),
        ("shell web", ExecOptions("web", ())),
        ("shell --no-escape web -- vi", ExecOptions("web", ("--", "vi"), no_escape=True)),
        ("exec -u -i web ls", ExecOptions("web", ("ls",), user="-i")),
    ],
)
def test_common_lines_are_read_without_click(line: str, expected: ExecOptions) -> None:
    found = parse_fast(line.split())
    assert found is not None
    assert found.options == expected
    assert found == click_reads(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ps",
        "exec",
        "exec web",
        "shell",
        "exec --help",
        "--version",
        "exec -x web ls",
        "exec --tty=1 web ls",
        "exec -u=root web ls",
        "exec web --",
        "exec -u",
        "shell -i web",
    ],
)
def test_whatever_is_in_doubt_is_left_to_click(line: str) -> None:
    if line == "exec web --":
        assert parse_fast(line.split()) == FastCommand("exec", ExecOptions("web", ("--",)))
    else:
        assert parse_fast(line.split()) is None


def test_click_complains_where_the_fast_parser_gives_up() -> None:
    with pytest.raises(click.UsageError):
        click_reads(["exec", "-x", "web", "ls"])
