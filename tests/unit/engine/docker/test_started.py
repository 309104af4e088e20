import json

import pytest

from whale.engine.docker.processes import Tree
from whale.engine.docker.start import plan_start
from whale.engine.docker.started import Started, read_description
from whale.model.errors import EngineError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.terminal import TerminalSize

SPECS = (
    ExecSpec(command=("sh", "-c", "ä \udcff")),
    ExecSpec(tty=True, size=TerminalSize(cols=1, rows=2), stdin=True),
    ExecSpec(command=("vi",), tty=True, size=TerminalSize(cols=1, rows=2)),
    ExecSpec(command=("x",), stdin=True, user="1:2", workdir="/x", privileged=True),
)


def started(spec: ExecSpec, kind: str = "docker") -> Started:
    plan = plan_start(spec, api=(1, 41), kind=kind)
    return Started(Tree("e1", ContainerId("c1"), "server.s1", spec), spec, plan)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_a_successor_reads_what_it_needs(spec: ExecSpec, kind: str) -> None:
    one = started(spec, kind)
    two = read_description(one.describe())
    for field in ("command", "tty", "user", "workdir", "privileged"):
        assert getattr(two.spec, field) == getattr(one.spec, field)
    for field in ("command", "stdin", "mark", "is_login_shell", "kind"):
        assert getattr(two.plan, field) == getattr(one.plan, field)
    assert not two.plan.waits_for_size
    assert two.tree[:3] == one.tree[:3]
    assert two.tree.spec.user == spec.user
    assert two.describe() == one.describe()


def test_the_environment_stays_out() -> None:
    spec = ExecSpec(command=("x",), env=(("NAME", "secret"),))
    said = started(spec).describe()
    assert b"secret" not in said
    assert b"NAME" not in said


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        json.dumps(json.loads(started(SPECS[0]).describe()) | {"version": 2}).encode(),
        json.dumps(json.loads(started(SPECS[0]).describe()) | {"command": 1}).encode(),
        json.dumps(json.loads(started(SPECS[0]).describe()) | {"wrapper_mark": "ä"}).encode(),
    ],
)
def test_anything_else_is_refused(said: bytes) -> None:
    with pytest.raises(EngineError):
        read_description(said)
