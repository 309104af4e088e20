import pytest

from whale.cli.options import EXEC_OPTIONS, GLOBAL_OPTIONS, SHELL_OPTIONS, ExecOptions, Kind, OptionSpec


@pytest.mark.parametrize("table", [(*GLOBAL_OPTIONS, *EXEC_OPTIONS), (*GLOBAL_OPTIONS, *SHELL_OPTIONS)])
def test_every_option_fills_a_field_and_no_flag_means_two_things(table: tuple[OptionSpec, ...]) -> None:
    flags = [flag for spec in table for flag in spec.flags]
    assert len(flags) == len(set(flags))
    assert {spec.name for spec in table} <= set(ExecOptions._fields)
    for spec in table:
        assert spec.help
        assert bool(spec.metavar) == (spec.kind is not Kind.FLAG)


def test_docker_exec_flags_are_there_with_dockers_names() -> None:
    flags = {flag for spec in EXEC_OPTIONS for flag in spec.flags}
    docker = "-e --env -i --interactive --privileged -t --tty -u --user -w --workdir"
    assert set(docker.split()) <= flags
