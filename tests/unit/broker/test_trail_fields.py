"""Events say of everything the same, and nothing that is secret."""

from types import SimpleNamespace
from typing import Any

from tests.recordings import FINISHED, recording
from tests.unit.broker.conftest import ALICE, BOB
from whale.audit.event import Place
from whale.broker.trail_fields import (
    asked,
    decided,
    of_recording,
    of_session,
    of_whole,
    other_owner,
    place,
    place_of,
    who,
)
from whale.model.approval import Approval
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId
from whale.model.principal import Action, Decision

WEB = recording(1).container
HERE = Place(id="id-web", name="web", image="nginx:1.27", engine="local", labels={"stage": "live"})
PASSWORD = "correct-horse-battery"


def session(owner: str) -> Any:
    return SimpleNamespace(id="5f", name="deploy", container=WEB, owner=owner)


def test_people_and_what_was_decided() -> None:
    asker = ALICE._replace(purpose=f"ticket 42, password={PASSWORD}")
    assert who(ALICE) == {"principal": "alice", "token": "abc", "purpose": ""}
    said = decided(Decision(True, Action.SHELL, asker, "allowed by staff", ("staff",), approval="7"))
    assert (said["principal"], said["action"], said["policies"], said["approval"]) == (
        "alice",
        "shell",
        ("staff",),
        "7",
    )
    assert said["reason"] == "allowed by staff"
    assert said["purpose"].startswith("ticket 42")
    assert PASSWORD not in str(said)


def test_owners_are_named_where_they_are_others() -> None:
    assert (other_owner(session("alice"), ALICE), other_owner(session("alice"), BOB)) == ("", "alice")
    assert of_session(session("alice")) == {"session": "5f", "name": "deploy", "container": HERE}
    one = recording(1)
    assert of_recording(one, ALICE) == {"session": one.id, "container": HERE, "owner": ""}
    assert of_recording(one, BOB)["owner"] == "alice"


def test_what_is_whole_has_its_hash() -> None:
    said = of_whole(recording(1))
    assert (said["hash"], said["count"], said["bytes_out"]) == (FINISHED.head, FINISHED.chunks, FINISHED.raw_bytes)
    assert (said["principal"], said["container"]) == ("alice", HERE)


def test_what_was_asked_for_is_masked() -> None:
    spec = ExecSpec(command=("mysql", f"--password={PASSWORD}"), env=(("TOKEN", PASSWORD),), user="0", tty=True)
    said = asked(spec)
    assert (said["command"][0], said["user"], said["tty"], said["privileged"]) == ("mysql", "0", True, False)
    assert PASSWORD not in str(said)
    assert asked(None) == {}


def test_containers_are_masked_too() -> None:
    found = place(WEB._replace(labels={"app.token": PASSWORD}))
    assert found is not None
    assert PASSWORD not in str(found.labels)
    assert (place(WEB), place(None)) == (HERE, None)
    approval = Approval("7", "alice", Action.SHELL, ContainerId("id-web"), "web", "d", 0, 1)
    assert place_of(approval) == Place(id="id-web", name="web")
