"""What to run and how it ended."""

from typing import Any

import pytest

from whale.model.exec import ExecSpec, ExitStatus, Signal, Stream


def test_streams_have_the_numbers_of_the_field() -> None:
    assert [(stream.name, int(stream)) for stream in Stream] == [("STDIN", 0), ("STDOUT", 1), ("STDERR", 2)]


def test_signals_are_named_as_they_are_spelt() -> None:
    assert all(signal.name == signal.value for signal in Signal)
    assert {"HUP", "INT", "QUIT", "TERM", "KILL"} <= {str(signal) for signal in Signal}


def test_a_specification_grants_nothing_by_default() -> None:
    spec = ExecSpec()
    assert (spec.tty, spec.stdin, spec.privileged) == (False, False, False)
    assert (spec.command, spec.user, spec.env, spec.workdir, spec.size) == ((), "", (), "", None)


@pytest.mark.parametrize(("code", "lost"), [(0, False), (1, False), (255, False), (None, True)])
def test_only_a_status_without_a_code_is_lost(code: int | None, lost: bool) -> None:
    assert ExitStatus(code).is_lost is lost


def test_there_is_no_status_by_default() -> None:
    make: Any = ExitStatus
    with pytest.raises(TypeError):
        make()
