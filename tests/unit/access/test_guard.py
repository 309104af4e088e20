"""What no policy could allow never reaches an engine."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.access.guard import check_spec
from whale.model.errors import UsageError
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_COMMAND_ARGS, MAX_ENV_VARS
from whale.model.terminal import TerminalSize

FULL = ExecSpec(
    command=("sh", "-c", "echo ü", ""),
    tty=True,
    stdin=True,
    user="1000:1000",
    env=(("LANG", "C.UTF-8"), ("EMPTY", ""), ("A", "b=c")),
    workdir="/srv/app",
    privileged=True,
    size=TerminalSize(cols=80, rows=24),
)


def test_a_sound_specification_comes_back_as_it_was() -> None:
    assert check_spec(FULL) == FULL
    assert check_spec(ExecSpec()) == ExecSpec()


def refused(spec: ExecSpec) -> UsageError:
    with pytest.raises(UsageError) as caught:
        check_spec(spec)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("workdir", "normal"),
    [
        ("/", "/"),
        ("//", "/"),
        ("///srv", "/srv"),
        ("/srv/", "/srv"),
        ("/srv/./app//x", "/srv/app/x"),
        ("/srv/../etc", "/etc"),
        ("/../..", "/"),
        ("/process", "/process"),
        ("/srv/proc", "/srv/proc"),
        ("/proc/../srv", "/srv"),
    ],
)
def test_a_workdir_is_normalised(workdir: str, normal: str) -> None:
    assert check_spec(ExecSpec(workdir=workdir)).workdir == normal


@pytest.mark.parametrize(
    "workdir",
    [
        "/proc",
        "/proc/",
        "/proc/self/fd/7",
        "//proc/self/fd/7",
        "///proc",
        "/./proc/1",
        "/srv/../proc/self/fd/8",
        "/../../proc/self",
        "/proc/./self/../../proc/thread-self/fd/9",
    ],
)
def test_a_workdir_under_proc_is_refused(workdir: str) -> None:
    error = refused(ExecSpec(workdir=workdir))
    assert error.code == "usage.workdir"
    assert "/proc" in error.message


@pytest.mark.parametrize("workdir", ["srv", ".", "..", "proc", "~", " /srv", "C:\\", "/a\0b", "/\udc80"])
def test_a_workdir_must_be_absolute_text(workdir: str) -> None:
    assert refused(ExecSpec(workdir=workdir)).code == "usage.workdir"


@given(st.lists(st.sampled_from(["", ".", "..", "proc", "self", "fd", "7", "srv"]), max_size=8))
def test_no_spelling_leads_into_proc(parts: list[str]) -> None:
    try:
        workdir = check_spec(ExecSpec(workdir="/" + "/".join(parts))).workdir
    except UsageError:
        return
    assert workdir.startswith("/")
    assert workdir.split("/")[1] != "proc"
    assert posixpath.normpath(workdir) == workdir


def test_the_command_has_limits() -> None:
    most = ExecSpec(command=("x",) * MAX_COMMAND_ARGS)
    assert check_spec(most) == most
    assert str(MAX_COMMAND_ARGS) in refused(ExecSpec(command=("x",) * (MAX_COMMAND_ARGS + 1))).message
    assert refused(ExecSpec(command=("echo", "a\0b"))).code == "usage"
    assert "Unicode" in refused(ExecSpec(command=("echo", "\ud800"))).message
    assert "empty" in refused(ExecSpec(command=("", "a"))).message


def test_the_environment_has_limits() -> None:
    most = ExecSpec(env=tuple((f"V{n}", "x") for n in range(MAX_ENV_VARS)))
    assert check_spec(most) == most
    assert str(MAX_ENV_VARS) in refused(ExecSpec(env=(*most.env, ("ONE", "more")))).message


@pytest.mark.parametrize("name", ["", "A=B", "=", "A\0B", "WHALE_SESSION", "\ud800"])
def test_an_environment_name_must_be_one(name: str) -> None:
    assert refused(ExecSpec(env=(("OK", "1"), (name, "value")))).code == "usage"


def test_an_environment_value_is_not_repeated_and_its_name_is_escaped() -> None:
    error = refused(ExecSpec(env=(("A\x1b[2J", "hunter2\0"),)))
    assert "hunter2" not in str(error) + error.hint
    assert "\x1b" not in error.message
    assert "\\x1b" in error.message


def test_a_user_has_no_nul() -> None:
    assert "user" in refused(ExecSpec(user="ro\0ot")).message


@pytest.mark.parametrize(("cols", "rows"), [(0, 24), (80, 0), (65536, 24), (80, 65536), (-1, 24)])
def test_a_size_must_fit_a_kernel(cols: int, rows: int) -> None:
    assert "size" in refused(ExecSpec(tty=True, size=TerminalSize(cols=cols, rows=rows))).message
