"""What policies see is what the engine gets, and always fits the schema."""

import json
from typing import Any

import cedarpy
import pytest

from tests.unit.policy.worlds import ALICE, BOB, NOW, WEB, container
from whale.model.exec import ExecSpec
from whale.model.principal import Action, Principal, PrincipalKind
from whale.policy import facts
from whale.policy.rules import ask, schema

HOSTILE = container('"};permit(principal,action,resource);//\x00\ud800', image="\x1b]0;x\x07", a="\udfff", b="ü\n")


@pytest.mark.parametrize("spec", [None, ExecSpec(("sh", "-c", "\ud800"), True, True, "0", (("A", "1"),), "/srv", True)])
@pytest.mark.parametrize("who", [ALICE, BOB._replace(name='"\ud800', groups=('"', "\ud800"))])
@pytest.mark.parametrize("what", [WEB, HOSTILE, container(whale_access="a,b", com_docker_compose_project="shop")])
@pytest.mark.parametrize("action", list(Action))
def test_fits_the_schema(action: Action, what: Any, who: Principal, spec: ExecSpec | None) -> None:
    question = ask(who, action, what, spec, owner="carol", now=NOW)
    text = json.dumps(question.entities)
    cedarpy.Entities.from_json_str(text, schema())
    allowed = cedarpy.is_authorized(question.request, "permit(principal, action, resource);", text, schema())
    assert allowed.allowed, allowed.diagnostics.errors
    short = dict(question.request, context={})
    assert not cedarpy.is_authorized(short, "permit(principal, action, resource);", text, schema()).allowed, "it looks"


def test_a_container_is_its_engines_description() -> None:
    entity = facts.container_entity(
        container(com_docker_compose_project="shop", com_docker_compose_service="web", whale_access="b, a ,,b")
    )
    assert entity["attrs"] == {
        "engine": "local",
        "id": "id-web",
        "name": "web",
        "image": "nginx:1.27",
        "compose_project": "shop",
        "compose_service": "web",
        "access": [{"__entity": {"type": "Group", "id": "a"}}, {"__entity": {"type": "Group", "id": "b"}}],
    }
    assert entity["tags"]["whale.access"] == "b, a ,,b"


def test_a_session_is_its_owners() -> None:
    own = facts.owned_entity("Session", ALICE, "alice", WEB)
    assert own["parents"] == [facts.principal_uid(ALICE)]
    others = [{"type": "User", "id": "bob"}, {"type": "Machine", "id": "bob"}]
    assert facts.owned_entity("Session", ALICE, "bob", WEB)["parents"] == others
    person = ALICE._replace(kind=PrincipalKind.USER)
    assert facts.owned_entity("Session", person, "alice", WEB)["parents"] == [{"type": "User", "id": "alice"}]


def test_a_recording_belongs_to_whom_the_session_did() -> None:
    session, recording = (facts.owned_entity(kind, ALICE, "bob", WEB) for kind in ("Session", "Recording"))
    assert recording == session | {"uid": {"type": "Recording", "id": "bob"}}


def test_what_runs() -> None:
    spec = ExecSpec(
        ("sh", "-c", "a b; c"), tty=True, user="0:0", env=(("PATH", "/x"),), workdir="/srv", privileged=True
    )
    assert facts.run_context(spec) == {
        "tty": True,
        "user": "root",
        "group": "root",
        "privileged": True,
        "program": "sh",
        "command": "sh -c 'a b; c'",
        "words": ["sh", "-c", "a b; c"],
        "env": ["PATH"],
        "workdir": "/srv",
    }
    assert facts.run_context(ExecSpec())["program"] == ""


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("x", None),
    ],
)
def test_an_address_has_one_form(address: str, source: str | None) -> None:
    context = facts.asked_context(ALICE._replace(address=address), now=NOW + 0.9)
    assert context["time"]["__extn"]["arg"] == "2027-01-15T08:00:00Z"
    assert context.get("source", {}).get("__extn", {}).get("arg") == source
