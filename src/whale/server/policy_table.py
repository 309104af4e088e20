"""Tables of expected decisions, for the tests of an administrator's own policies. The form is in docs/policies.md."""

import time
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from whale.access.guard import check_spec
from whale.model.container import Container, ContainerState
from whale.model.errors import ConfigError
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId, TokenId
from whale.model.principal import Action, Decision, Need, Principal, PrincipalKind
from whale.model.recording import RecordMode
from whale.model.text import printable
from whale.policy.directory import read_file
from whale.policy.missing import missing
from whale.policy.outcome import outcome
from whale.policy.rules import Rules
from whale.policy.source import PolicyFile


class _Container(msgspec.Struct, forbid_unknown_fields=True):
    image: str = ""
    engine: str = "local"
    labels: dict[str, str] = {}


class _Expectation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    who: str
    action: Action
    on: str
    decision: Literal["allow", "deny", "approval"]
    by: list[str] | None = None
    recorded: RecordMode | None = None
    owner: str = ""
    user: str = ""
    command: list[str] = []
    env: list[str] = []
    workdir: str = ""
    tty: bool = False
    privileged: bool = False
    source: str = ""
    reason: str = ""
    time: datetime | None = None


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    containers: dict[str, _Container]
    expect: list[_Expectation]
    people: dict[str, list[str]] = {}
    machines: dict[str, list[str]] = {}


class TableReport(NamedTuple):
    """How many expectations there are, and what is not as expected."""

    total: int
    failures: list[str]


def run_table(rules: Rules, table: PolicyFile) -> TableReport:
    """Decide everything that a table expects. Raises `ConfigError` for a table that makes no sense."""
    try:
        read = msgspec.convert(tomllib.loads(table.text), _Table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _wrong(table, str(error)) from error
    failures = []
    for number, expected in enumerate(read.expect, 1):
        decision = _decide(rules, table, read, expected)
        if failure := _failure(rules, expected, decision):
            failures.append(f"{table.name}: expectation {number}: {failure}")
    return TableReport(len(read.expect), failures)


def read_table(file: Path) -> PolicyFile:
    """Read a table's file. Raises `ConfigError`."""
    return read_file(file)


def _decide(rules: Rules, table: PolicyFile, read: _Table, expected: _Expectation) -> Decision:
    if expected.on not in read.containers:
        raise _wrong(table, f"{expected.on} is not in [containers]")
    principal = _principal(table, read, expected)
    about = read.containers[expected.on]
    container = Container(
        ContainerId(expected.on), expected.on, about.image, ContainerState.RUNNING, about.engine, labels=about.labels
    )
    now = expected.time.timestamp() if expected.time is not None else time.time()
    spec = ExecSpec(
        command=tuple(expected.command),
        tty=expected.tty or expected.action is Action.SHELL,
        user=expected.user,
        env=tuple((name, "") for name in expected.env),
        workdir=expected.workdir,
        privileged=expected.privileged,
    )
    return outcome(rules, principal, expected.action, container, check_spec(spec), owner=expected.owner, now=now)


def _principal(table: PolicyFile, read: _Table, expected: _Expectation) -> Principal:
    """Who asks. As in a server a name is one person's or one machine's."""
    found = [
        (kind, names[expected.who])
        for kind, names in ((PrincipalKind.USER, read.people), (PrincipalKind.MACHINE, read.machines))
        if expected.who in names
    ]
    if len(found) != 1:
        raise _wrong(table, f"{expected.who} has to be in one of [people] and [machines]")
    [(kind, groups)] = found
    return Principal(expected.who, TokenId(""), tuple(groups), expected.source, expected.reason, kind=kind)


def _failure(rules: Rules, expected: _Expectation, decision: Decision) -> str:
    said = f"{expected.who} {expected.action} {expected.on}"
    word = "allow" if decision.allowed else "approval" if decision.need is Need.APPROVAL else "deny"
    if word != expected.decision:
        more = "; ".join(missing(rules, decision))
        return printable(f"{said}: {word}, not {expected.decision}: {decision.reason}{f' ({more})' if more else ''}")
    if expected.by is not None and sorted(expected.by) != sorted(decision.policies):
        return printable(f"{said}: {word} by {', '.join(decision.policies) or 'no policy'}, not by {expected.by}")
    if expected.recorded is not None and expected.recorded is not decision.recording.mode:
        return printable(f"{said}: {decision.recording.mode or 'nothing'} is recorded")
    return ""


def _wrong(table: PolicyFile, problem: str) -> ConfigError:
    return ConfigError(f"{table.name}: {printable(problem)}", path="policy.dir", hint="docs/policies.md shows the form")
