"""A scope is read once, kept in one form, and hostile forms are refused."""

import pytest

from tests.unit.policy.worlds import WEB, container
from whale.model.errors import UsageError, WhaleError
from whale.model.ids import ContainerId
from whale.model.principal import Action, Scope
from whale.model.scope import MAX_SCOPE_CONTAINERS, covers, parse_scope, read_scope, write_scope

ID = "0123456789abcdef" * 4


def test_is_kept_in_one_form() -> None:
    scope = parse_scope(["logs, exec", "exec"], ["web", "label:app=web", "name:web", f"id:{ID}"])
    assert scope == Scope((Action.EXEC, Action.LOGS), (f"id:{ID}", "label:app=web", "name:web"))
    assert str(scope) == f"exec, logs on id:{ID}, label:app=web, name:web"
    assert read_scope(write_scope(scope)) == scope
    assert parse_scope([], []) is None
    assert read_scope(None) is None
    assert write_scope(None) is None
    assert str(Scope((Action.EXEC,))) == "exec on every container"
    assert str(Scope((), ("name:web",))) == "everything on name:web"


@pytest.mark.parametrize(
    ("actions", "containers"),
    [
        (["everything"], []),
        ([""], []),
        (["exec,"], []),
        (["EXEC"], []),
        (["ex\x00ec"], []),
        ([], [""]),
        ([], ["*"]),
        ([], ["web*"]),
        ([], ["-web"]),
        ([], ["w/e"]),
        ([], ["name:"]),
        ([], ["name:a b"]),
        ([], ["label:app"]),
        ([], ["label:=web"]),
        ([], ["label:app=we\nb"]),
        ([], ["label:app=\x1b[2J"]),
        ([], ["label:app=" + "x" * 256]),
        ([], ["id:0123"]),
        ([], ["image:nginx"]),
        ([], [f"c{number}" for number in range(MAX_SCOPE_CONTAINERS + 1)]),
        (["audit.read"], ["web"]),
    ],
)
def test_hostile_forms_are_refused(actions: list[str], containers: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_scope(actions, containers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        "[]",
        '{"actions":[],"containers":[]}',
        '{"actions":["exec"]}',
        '{"actions":["exec","exec"],"containers":[]}',
        '{"actions":["nothing"],"containers":[]}',
        '{"actions": ["exec"],"containers":[]}',
        '{"actions":"exec","containers":[]}',
        '{"actions":[],"containers":["web"]}',
        "[" * 100_000,
    ],
)
def test_what_was_not_written_so_is_never_taken_for_none(text: str) -> None:
    with pytest.raises(WhaleError) as broken:
        read_scope(text)
    assert broken.value.code == "server.database"


EXEC_ON_WEB = Scope((Action.EXEC,), ("label:app=web", "name:web"))


def test_covers_its_actions_on_its_containers() -> None:
    labelled, other = container("other", app="web"), container("db", app="webs")
    for found in (WEB, labelled):
        assert covers(EXEC_ON_WEB, Action.EXEC, found, is_own=False)
        assert covers(EXEC_ON_WEB, Action.LIST, found, is_own=False), "it has to be found"
        assert not covers(EXEC_ON_WEB, Action.SHELL, found, is_own=False)
        assert not covers(EXEC_ON_WEB, Action.LOGS, found, is_own=False)
    for action in Action:
        assert not covers(EXEC_ON_WEB, action, other, is_own=True)
        assert not covers(EXEC_ON_WEB, action, None, is_own=True)
        assert covers(None, action, other, is_own=False)
    by_id = Scope((), (f"id:{ID}",))
    assert covers(by_id, Action.EXEC, WEB._replace(id=ContainerId(ID)), is_own=False)
    assert not covers(by_id, Action.EXEC, WEB._replace(name=ID), is_own=False)


def test_who_may_begin_a_session_may_come_back_to_it() -> None:
    for action in (Action.ATTACH, Action.VIEW, Action.KILL):
        assert covers(EXEC_ON_WEB, action, WEB, is_own=True)
        assert not covers(EXEC_ON_WEB, action, WEB, is_own=False)
        assert not covers(Scope((Action.LOGS,)), action, WEB, is_own=True)
    kill = Scope((Action.KILL,))
    assert covers(kill, Action.VIEW, WEB, is_own=False), "it has to be found"
    assert not covers(kill, Action.ATTACH, WEB, is_own=True)


def test_the_audit_trail_is_of_all_containers() -> None:
    assert covers(Scope((Action.AUDIT_READ,)), Action.AUDIT_READ, None, is_own=True)
    assert not covers(Scope((), ("name:web",)), Action.AUDIT_READ, None, is_own=True)
