"""Policies that were checked, ready to decide. Made from the text of files; nothing is read here and nothing is kept.

Cedar denies by default, and a `forbid` beats every `permit`. It skips a policy whose evaluation fails: for a permit
that allows less, for a forbid it would allow more, so that denies here.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

import cedarpy

from whale.model.container import Container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Decision, Need, Principal
from whale.model.recording import NOT_RECORDED, RecordingWish, strictest
from whale.model.scope import OUTSIDE, covers
from whale.policy import facts
from whale.policy.parsed import BEGINNING, ParsedPolicy, Problem, parse_files
from whale.policy.slices import PolicySlice, PolicySlices
from whale.policy.source import PolicyFile

MAX_REASONS: Final = 16
"""Ids of policies that a decision carries: it is written down with its session."""

_SOME_REASON: Final = "reason"
"""What a policy is asked with to find out whether any reason would do."""


class Question(NamedTuple):
    """One thing to decide, in Cedar's words."""

    request: dict[str, Any]
    entities: list[dict[str, Any]]


@cache
def schema() -> cedarpy.Schema:
    """The schema that every policy is held to."""
    return cedarpy.Schema.from_str(schema_text())


def schema_text() -> str:
    """The schema as it is written."""
    return resources.files("whale.policy").joinpath("schema.cedarschema").read_text(encoding="utf-8")


class Rules:
    """A set of policies. Immutable: another set is another object."""

    def __init__(self, policies: Sequence[ParsedPolicy]) -> None:
        self.policies = tuple(policies)
        self._slices = PolicySlices(self.policies)
        self.contextual = frozenset(
            action for action in Action if any(p.mentions("context") for p in self._slices.whole(action).members)
        )
        """Actions about which it matters not only who asks and what is there, but when, from where, or what runs."""
        self._reading_reasons = frozenset(
            action for action in Action if any(p.reads_reason for p in self._slices.whole(action).members)
        )
        self.uses_time = any(p.mentions("time") for p in self.policies)
        """Whether a decision can become another one by itself."""

    @property
    def is_empty(self) -> bool:
        """True when there are no policies, and nothing is allowed."""
        return not self.policies

    def decide(
        self,
        principal: Principal,
        action: Action,
        container: Container | None,
        spec: ExecSpec | None,
        *,
        owner: str = "",
        now: float,
    ) -> Decision:
        """Decide about one action. Never raises: what can't be decided is denied."""
        if container is None and action not in facts.ON_TRAIL:
            return self._decision(principal, action, _Answer(False, failed="there is no container to decide about"))
        if not covers(principal.scope, action, container, is_own=owner in ("", principal.name)):
            return Decision(False, action, principal, OUTSIDE)
        some = self._slices.choose(principal, action, questions=1)
        who = some.about(principal, [] if container is None else [container])
        answer = _evaluate(some, [ask(who, action, container, spec, owner=owner, now=now)])[0]
        decision = self._decision(principal, action, answer)
        is_final = decision.allowed or decision.need is Need.APPROVAL
        if is_final or principal.purpose or action not in self._reading_reasons:
            return decision
        given = who._replace(purpose=_SOME_REASON)
        if not _evaluate(some, [ask(given, action, container, spec, owner=owner, now=now)])[0].allowed:
            return decision
        return decision._replace(reason="a reason is needed: --reason", need=Need.REASON)

    def may_list(self, principal: Principal, containers: Sequence[Container], *, now: float) -> list[bool]:
        """Decide for each of many containers whether somebody may know that it is there."""
        inside = [covers(principal.scope, Action.LIST, container, is_own=False) for container in containers]
        asked = [container for container, is_inside in zip(containers, inside, strict=True) if is_inside]
        if not asked:
            return inside
        some = self._slices.choose(principal, Action.LIST, questions=len(asked))
        questions = self._list_questions(some.about(principal, asked), asked, now=now)
        answers = iter(_evaluate(some, questions, names_policies=False))
        return [is_inside and next(answers).allowed for is_inside in inside]

    def _list_questions(self, principal: Principal, containers: Sequence[Container], *, now: float) -> list["Question"]:
        """As `ask` for each, with everything that is the same for all made once."""
        who, what = facts.principal_uid(principal), facts.action_uid(Action.LIST)
        context = json.dumps(facts.asked_context(principal, now=now) if Action.LIST in self.contextual else {})
        shared = facts.principal_entity(principal)
        return [
            Question(
                {"principal": who, "action": what, "resource": facts.container_uid(container), "context": context},
                [shared, facts.container_entity(container)],
            )
            for container in containers
        ]

    def _decision(self, principal: Principal, action: Action, answer: "_Answer") -> Decision:
        ids = tuple(policy.id for policy in answer.policies[:MAX_REASONS])
        reason = self._reason(action, answer)
        wish = _wish(action, answer)
        if answer.allowed and all(policy.needs_approval for policy in answer.policies):
            return Decision(False, action, principal, reason, ids, Need.APPROVAL, recording=wish)
        return Decision(answer.allowed, action, principal, reason, ids, recording=wish)

    def _reason(self, action: Action, answer: "_Answer") -> str:
        if answer.failed:
            return answer.failed
        for policy in answer.policies:
            if policy.reason:
                return policy.reason
        names = ", ".join(policy.id for policy in answer.policies[:3])
        if answer.allowed:
            return f"allowed by {names}"
        if names:
            return f"forbidden by {names}"
        if self.is_empty:
            return "the server has no policies, so nothing is allowed"
        return f"no policy allows you to {action.value} here"


class _Answer(NamedTuple):
    allowed: bool
    policies: tuple[ParsedPolicy, ...] = ()
    failed: str = ""
    """Why it is denied, when it could not be decided."""
    doubtful: tuple[ParsedPolicy, ...] = ()
    """Of a yes: permits that could not be evaluated."""


def ask(
    principal: Principal,
    action: Action,
    container: Container | None,
    spec: ExecSpec | None,
    *,
    owner: str = "",
    now: float,
) -> Question:
    """Put into Cedar's words what has to be decided. A session, or recording, of nobody's is the asker's own."""
    entities = [facts.principal_entity(principal)]
    if container is None or action in facts.ON_TRAIL:
        entities.append(facts.trail_entity())
        resource = facts.trail_uid()
    else:
        entities.append(facts.container_entity(container))
        resource = facts.container_uid(container)
        if action in facts.ON_SESSIONS or action in facts.ON_RECORDINGS:
            kind: facts.Owned = "Session" if action in facts.ON_SESSIONS else "Recording"
            entities.append(facts.owned_entity(kind, principal, owner or principal.name, container))
            resource = facts.owned_uid(kind, owner or principal.name)
    context = facts.asked_context(principal, now=now)
    if action in facts.WITH_SPEC:
        context |= facts.run_context(spec if spec is not None else ExecSpec())
    if action is Action.APPROVE:
        context |= facts.asker_context(owner)
    request = {
        "principal": facts.principal_uid(principal),
        "action": facts.action_uid(action),
        "resource": resource,
        "context": context,
    }
    return Question(request, entities)


def load_rules(files: Sequence[PolicyFile]) -> tuple[Rules | None, list[Problem]]:
    """Make rules of files, or say what is wrong with them. Takes time: 1,000 policies half a second."""
    policies, problems = parse_files(files, schema())
    return (None, problems) if problems else (Rules(policies), [])


def _evaluate(some: PolicySlice, questions: Sequence[Question], *, names_policies: bool = True) -> list[_Answer]:
    try:
        results = cedarpy.is_authorized_batch(
            [question.request for question in questions], some.cedar, json.dumps(_entities(questions))
        )
        return [_answer(some, result, names_policies=names_policies) for result in results]
    except Exception:  # noqa: BLE001 - whatever it is, the door stays shut
        return [_Answer(False, failed="the policies could not be evaluated")] * len(questions)


def _entities(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Every entity once."""
    found = {(entity["uid"]["type"], entity["uid"]["id"]): entity for q in questions for entity in q.entities}
    return list(found.values())


def _answer(some: PolicySlice, result: cedarpy.AuthzResult, *, names_policies: bool) -> _Answer:
    errors = result.diagnostics.errors
    doubtful = _failed(some, errors) if errors else ()
    if result.decision is cedarpy.Decision.NoDecision:
        return _Answer(False, failed="the policies could not be evaluated")
    if errors and result.allowed and _forbid_failed(doubtful, errors):
        return _Answer(False, failed="a policy that forbids could not be evaluated")
    if not names_policies:
        return _Answer(result.allowed)
    members = tuple(
        sorted((some.members[int(name.removeprefix("policy"))] for name in result.diagnostics.reasons), key=_place)
    )
    return _Answer(result.allowed, members, doubtful=doubtful)


def _place(policy: ParsedPolicy) -> tuple[str, int]:
    return policy.file, policy.line


def _wish(action: Action, answer: _Answer) -> RecordingWish:
    """What is recorded of what is allowed: all permits have a say, and none takes away what another one wants.

    Nor does one that could not be evaluated: who asks may have brought that about.
    """
    if not answer.allowed or action.value not in BEGINNING:
        return NOT_RECORDED
    return strictest(policy.recording for policy in (*answer.policies, *answer.doubtful))


def _failed(some: PolicySlice, errors: Sequence[str]) -> tuple[ParsedPolicy, ...]:
    """The policies that the failures name."""
    return tuple(
        member for error in errors for number, member in enumerate(some.members) if f"`policy{number}`" in error
    )


def _forbid_failed(named: Sequence[ParsedPolicy], errors: Sequence[str]) -> bool:
    """Whether one of the failures is of a policy that forbids; one whose policy is not named counts as one."""
    return len(named) < len(errors) or any(policy.effect == "forbid" for policy in named)
