import pytest

from whale.cli.options import ExecOptions
from whale.cli.request import exec_request, shell_request
from whale.model.errors import UsageError
from whale.model.exec import ExecSpec

ENVIRON = {"TERM": "xterm", "COLORTERM": "truecolor", "LANG": "de_DE", "MINE": "x", "EMPTY": ""}


def test_exec_asks_for_what_was_said() -> None:
    options = ExecOptions("web", ("ls", "-l"), interactive=True, user="u:g", workdir="/w", privileged=True)
    request = exec_request(options, ENVIRON)
    assert request.container == "web"
    assert request.spec == ExecSpec(("ls", "-l"), stdin=True, user="u:g", workdir="/w", privileged=True)
    assert request.listens
    assert not exec_request(options._replace(no_escape=True), ENVIRON).listens


def test_a_terminal_is_described_and_nothing_else_leaves_the_machine() -> None:
    request = exec_request(ExecOptions("web", ("ls",), tty=True), ENVIRON)
    assert request.spec.env == (("TERM", "xterm"), ("COLORTERM", "truecolor"))
    assert exec_request(ExecOptions("web", ("ls",), tty=True), {"TERM": ""}).spec.env == ()
    assert exec_request(ExecOptions("web", ("ls",)), ENVIRON).spec.env == ()


def test_variables_as_in_docker() -> None:
    given = ("A=1", "A=2", "B=", "C==x", "MINE", "EMPTY", "UNSET", "TERM=dumb")
    request = exec_request(ExecOptions("web", ("ls",), tty=True, env=given), ENVIRON)
    expected = {"COLORTERM": "truecolor", "A": "2", "B": "", "C": "=x", "MINE": "x", "EMPTY": "", "TERM": "dumb"}
    assert dict(request.spec.env) == expected


@pytest.mark.parametrize("entry", ["", "=x"])
def test_a_variable_without_a_name_is_refused(entry: str) -> None:
    with pytest.raises(UsageError):
        exec_request(ExecOptions("web", ("ls",), env=(entry,)), ENVIRON)


def test_a_shell_has_a_terminal_and_a_login_shell_without_a_command() -> None:
    assert shell_request(ExecOptions("web", ()), {}).spec == ExecSpec((), tty=True, stdin=True)
    for command in (("python3", "-q"), ("--", "python3", "-q")):
        assert shell_request(ExecOptions("web", command), {}).spec.command == ("python3", "-q")
    assert shell_request(ExecOptions("web", ("--", "--", "x")), {}).spec.command == ("--", "x")


def test_dockers_equals_sign_after_a_short_flag_is_not_taken_for_a_name() -> None:
    for options in (ExecOptions("web", ("ls",), user="=root"), ExecOptions("web", ("ls",), workdir="=/x")):
        with pytest.raises(UsageError, match="not understood"):
            exec_request(options, {})


def test_why_is_said_or_in_the_environment() -> None:
    options = ExecOptions("web", ("ls",), reason="ticket 42")
    assert exec_request(options, {"WHALE_REASON": "other"}).reason == "ticket 42"
    assert exec_request(options._replace(reason=""), {"WHALE_REASON": "other"}).reason == "other"
    assert exec_request(options._replace(reason=""), {}).reason == ""
