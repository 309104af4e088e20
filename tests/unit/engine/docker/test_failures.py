import pytest

from whale.engine.docker.failures import marked_failure, refused_start, start_failure
from whale.engine.docker.start import plan_start
from whale.model.exec import ExecSpec
from whale.model.outcomes import OUTCOMES
from whale.model.terminal import TerminalSize

SPEC = ExecSpec(command=("nope",), user="me", workdir="/there")
OCI = "OCI runtime exec failed: exec failed: unable to start container process: "
CASES = [
    (OCI + 'exec: "nope": executable file not found in $PATH: unknown\r\n', "exec.not_found"),
    (OCI + 'exec: "/nope": stat /nope: no such file or directory: unknown\r\n', "exec.not_found"),
    (OCI + 'exec: "/etc/passwd": permission denied: unknown\r\n', "exec.not_started"),
    (OCI + 'chdir to cwd ("/there") set in config.json failed: no such file or directory: unknown\r\n', "exec.workdir"),
    ("OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown\r\n", "exec.workdir"),
    ("unable to find user me: no matching entries in passwd file\r\n", "exec.user"),
    ("unable to find group me: no matching entries in group file\r\n", "exec.user"),
    ("Container ab is not running\r\n", "target.not_running"),
    ("Container ab is paused\r\n", "target.paused"),
    ("never seen before", "exec.not_started"),
    ("", "exec.not_started"),
]


@pytest.mark.parametrize(("text", "code"), CASES)
def test_what_an_engine_says(text: str, code: str) -> None:
    error = start_failure(text, SPEC, plan_start(SPEC, api=(1, 41), kind="docker"))
    assert error.code == code
    assert code in OUTCOMES
    assert error.hint
    assert "OCI" not in error.message


def test_hostile_names_are_printed_escaped() -> None:
    spec = SPEC._replace(command=("\x1b[2J",))
    error = start_failure(CASES[0][0], spec, plan_start(spec, api=(1, 41), kind="docker"))
    assert "\x1b" not in error.message


def test_without_a_shell_neither_a_login_nor_the_wrapper_starts() -> None:
    text = OCI + 'exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown\r\n'
    size = TerminalSize(cols=80, rows=24)
    for spec in (ExecSpec(tty=True, size=size), ExecSpec(), SPEC._replace(tty=True, size=size)):
        assert start_failure(text, spec, plan_start(spec, api=(1, 41), kind="docker")).code == "target.no_shell"
    own = ExecSpec(command=("/bin/sh",))
    assert start_failure(text, own, plan_start(own, api=(1, 41), kind="docker")).code == "exec.not_found"


def test_what_the_wrapper_says() -> None:
    assert marked_failure("not_found", SPEC).code == "exec.not_found"
    assert marked_failure("not_started", SPEC).code == "exec.not_started"
    assert marked_failure("not_sta", ExecSpec()).code == "exec.not_started"


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (500, "unable to find user me: no matching entries in passwd file", "exec.user"),
        (409, "container is paused", "target.paused"),
        (404, "no such exec", "target.not_found"),
        (500, "broken", "engine.failed"),
    ],
)
def test_a_refused_start(status: int, text: str, code: str) -> None:
    plan = plan_start(SPEC, api=(1, 41), kind="podman")
    assert refused_start(status, text, "POST /exec", SPEC, plan).code == code
