"""An exec that was created, and its description: what a server that takes it over must be told of it. Pure.

The values of environment variables are left out: they may be secrets, and after the start nothing needs them.
"""

import json
from typing import Any, NamedTuple

from whale.engine.docker.notes import nonsense
from whale.engine.docker.processes import Tree
from whale.engine.docker.start import StartPlan
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId

_VERSION = 1


class Started(NamedTuple):
    """What is known of an exec that was created."""

    tree: Tree
    spec: ExecSpec
    plan: StartPlan

    def describe(self) -> bytes:
        """Write it down. The same every time."""
        plan = self.plan
        said = {
            "version": _VERSION,
            "exec": self.tree.exec_id,
            "container": self.tree.container,
            "mark": self.tree.mark,
            "command": self.spec.command,
            "tty": self.spec.tty,
            "user": self.spec.user,
            "workdir": self.spec.workdir,
            "privileged": self.spec.privileged,
            "kind": plan.kind,
            "input": plan.stdin,
            "wrapper": plan.command if plan.command != self.spec.command else None,
            "wrapper_mark": plan.mark.decode("ascii"),
        }
        return json.dumps(said).encode("ascii")


def read_description(description: bytes) -> Started:
    """Read what `describe` wrote. Raises `EngineError` for anything else."""
    try:
        said = json.loads(description)
        if said["version"] != _VERSION:
            raise nonsense(f"a description of version {said['version']!r}")
        return _read(said)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise nonsense(f"the description: {error!r}") from error


def _read(said: dict[str, Any]) -> Started:
    spec = ExecSpec(
        command=tuple(str(word) for word in said["command"]),
        tty=bool(said["tty"]),
        stdin=bool(said["input"]),
        user=str(said["user"]),
        workdir=str(said["workdir"]),
        privileged=bool(said["privileged"]),
    )
    plan = StartPlan(
        command=spec.command if said["wrapper"] is None else tuple(str(word) for word in said["wrapper"]),
        stdin=bool(said["input"]),
        waits_for_size=False,
        mark=str(said["wrapper_mark"]).encode("ascii"),
        is_login_shell=not spec.command,
        kind=str(said["kind"]),
        start_body=b"",
    )
    return Started(Tree(str(said["exec"]), ContainerId(str(said["container"])), str(said["mark"]), spec), spec, plan)
