"""From the text of files to single policies, each checked against the schema and with an id of its own.

Ids are what a policy's `@id` says, or its file and line. `@reason` says in words what it decides, to those who ask.
`@needs`, `@record` and `@unrecorded` say what comes with what it permits.
"""

import json
import re
from collections.abc import Container, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final, Literal, NamedTuple

import cedarpy

from whale.model.principal import Action
from whale.model.recording import NOT_RECORDED, OnUnrecorded, RecordingWish, RecordMode
from whale.model.text import printable
from whale.policy.source import PolicyFile, Statement, split_statements, too_complex

MAX_POLICIES: Final = 20_000
"""More take minutes to check."""

_NOTED: Final = ("id", "reason", "description", "needs", "record", "unrecorded")
_APPROVAL: Final = "approval"
BEGINNING: Final = frozenset({Action.EXEC.value, Action.SHELL.value})
"""What begins a session, and so can be made to wait for somebody's approval, and be recorded."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,99}")
_READS_REASON: Final = re.compile(r"(?<!@)\breason\b")
_FOR: Final = re.compile(r"^for policy `policy\d+`, ")


class Problem(NamedTuple):
    """What is wrong with a policy, and where."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class ParsedPolicy(NamedTuple):
    """One policy. `scope` is its head as Cedar writes it in JSON."""

    id: str
    effect: Literal["permit", "forbid"]
    reason: str
    text: str
    file: str
    line: int
    scope: dict[str, Any]
    conditions: str
    """Its `when` and `unless` as Cedar writes them in JSON; empty where they are too deep for that."""
    words: frozenset[str]
    needs_approval: bool = False
    """What it permits waits until somebody else has allowed it."""
    recording: RecordingWish = NOT_RECORDED
    """What is recorded of the sessions that it permits."""

    def concerns(self, action: Action) -> bool:
        """Whether its head leaves room for an action. Nobody may approve by a permit that does not name it."""
        named = self.actions
        if named is None:
            return action is not Action.APPROVE or self.effect == "forbid"
        return action.value in named

    @property
    def actions(self) -> frozenset[str] | None:
        """The actions that its head names; None for all."""
        head = self.scope["action"]
        if head["op"] == "All":
            return None
        # There are no groups of actions in the schema, so that `in` is the same as `==`.
        return frozenset(entity["id"] for entity in (head["entities"] if "entities" in head else [head["entity"]]))

    @property
    def group(self) -> str:
        """The group that its head asks the principal to be in; empty where it asks for none."""
        head = self.scope["principal"]
        entity = head.get("entity", {}) if head["op"] == "in" else head.get("in", {}).get("entity", {})
        return str(entity["id"]) if entity.get("type") == "Group" else ""

    @property
    def mentions_groups(self) -> bool:
        """Whether a group is named in more than its head's principal."""
        return not self.conditions or '"Group"' in self.conditions or '"Group"' in json.dumps(self.scope["resource"])

    @property
    def reads_reason(self) -> bool:
        """Whether it may look at the reason that was given; its own `@reason` does not count."""
        return _READS_REASON.search(self.text) is not None

    def mentions(self, word: str) -> bool:
        """Whether the word is in its text."""
        return word in self.words


def parse_files(files: Sequence[PolicyFile], schema: cedarpy.Schema) -> tuple[list[ParsedPolicy], list[Problem]]:
    """Return all policies of all files in order, and all that is wrong with them."""
    statements = [statement for file in files for statement in split_statements(file)]
    if len(statements) > MAX_POLICIES:
        return [], [
            Problem(statements[MAX_POLICIES].file, statements[MAX_POLICIES].line, "there are too many policies")
        ]
    policies: list[ParsedPolicy] = []
    problems: list[Problem] = []
    places: dict[str, str] = {}
    for statement in statements:
        made = _parsed(statement, default_id=_free(statement.place, places))
        if isinstance(made, ParsedPolicy) and made.id in places:
            made = _problem(statement, f"its id is also that of {places[made.id]}")
        if isinstance(made, Problem):
            problems.append(made)
            continue
        places[made.id] = statement.place
        policies.append(made)
    return policies, problems + _validated(policies, schema)


def _free(place: str, taken: Container[str]) -> str:
    """An id that nobody has: several policies may stand on one line."""
    names = chain([place], (f"{place}/{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _parsed(statement: Statement, *, default_id: str) -> ParsedPolicy | Problem:
    if problem := too_complex(statement.text):
        return _problem(statement, problem)
    try:
        tree = json.loads(cedarpy.policies_to_json_str(statement.text))
    except ValueError as error:
        return _problem(statement, str(error))
    found = list(tree.get("staticPolicies", {}).values())
    if tree.get("templates"):
        return _problem(statement, "is a template; whale has nobody to fill in its slots")
    if len(found) != 1:
        return _problem(statement, "is not one policy")
    notes = {name: value or "" for name, value in found[0].get("annotations", {}).items()}
    if unknown := sorted(set(notes) - set(_NOTED)):
        return _problem(statement, f"@{unknown[0]} is not known; there are @{', @'.join(_NOTED)}")
    if "id" in notes and not _ID.fullmatch(notes["id"]):
        return _problem(statement, "its @id is not a word of letters, digits and . _ / : -")
    made = ParsedPolicy(
        id=notes.get("id", default_id),
        effect=found[0]["effect"],
        reason=printable(notes.get("reason", "")),
        text=statement.text,
        file=statement.file,
        line=statement.line,
        conditions=_written(found[0]["conditions"]),
        scope={part: found[0][part] for part in ("principal", "action", "resource")},
        words=frozenset(re.findall(r"[A-Za-z_]+", statement.text)),
        needs_approval="needs" in notes,
        recording=_wish(notes),
    )
    problem = _misplaced(made, notes.get("needs", _APPROVAL)) or _misrecorded(made, notes)
    return _problem(statement, problem) if problem else made


def _misplaced(policy: ParsedPolicy, needs: str) -> str:
    """Say what of approvals makes no sense in a policy; empty where nothing is wrong."""
    if needs != _APPROVAL:
        return f'@needs can be "{_APPROVAL}" and nothing else'
    if policy.needs_approval and policy.effect == "forbid":
        return "@needs is for a permit"
    if policy.needs_approval and not (policy.actions and policy.actions <= BEGINNING):
        return f"what @needs an approval is {' or '.join(sorted(BEGINNING))}, and the policy must name these alone"
    names_it = policy.actions is not None and Action.APPROVE.value in policy.actions
    if policy.effect == "permit" and names_it and policy.scope["principal"]["op"] == "All":
        return "who permits approve says to whom: a name, a group, or `principal is User`"
    return ""


def _wish(notes: Mapping[str, str]) -> RecordingWish:
    try:
        mode = RecordMode(notes.get("record", ""))
        return RecordingWish(mode, OnUnrecorded(notes.get("unrecorded", OnUnrecorded.END)))
    except ValueError:
        return NOT_RECORDED  # and `_misrecorded` says so


def _misrecorded(policy: ParsedPolicy, notes: Mapping[str, str]) -> str:
    """Say what of recording makes no sense in a policy; empty where nothing is wrong."""
    for name, known in (("record", [mode for mode in RecordMode if mode]), ("unrecorded", list(OnUnrecorded))):
        if name in notes and notes[name] not in known:
            return f"@{name} can be {', '.join(sorted(known))}"
    if "record" not in notes:
        return (
            "@unrecorded says what happens without the recording that @record asks for" if "unrecorded" in notes else ""
        )
    if policy.effect == "forbid":
        return "@record is for a permit"
    if policy.actions is not None and policy.actions.isdisjoint(BEGINNING):
        return f"what is recorded is {' or '.join(sorted(BEGINNING))}, and the policy permits neither"
    return ""


def _written(conditions: object) -> str:
    try:
        return json.dumps(conditions)
    except RecursionError:
        return ""


def _validated(policies: Sequence[ParsedPolicy], schema: cedarpy.Schema) -> list[Problem]:
    text = "\n".join(policy.text for policy in policies)
    found = cedarpy.validate_policies(text, schema, release_gil=True)
    problems = []
    for error in found.errors:
        number = error.policy_id.removeprefix("policy")
        policy = policies[int(number)] if number.isdigit() and int(number) < len(policies) else None
        message = printable(_FOR.sub("", error.error))
        problems.append(Problem(policy.file if policy else "", policy.line if policy else 0, message))
    return problems


def _problem(statement: Statement, message: str) -> Problem:
    return Problem(statement.file, statement.line, printable(message))
