"""Requests that wait are found, counted, and answered once."""

import asyncio

import pytest

from tests.unit.policy.worlds import WEB
from whale.broker.waiting import Waiting, WaitingRoom, settle
from whale.model.approval import Approval
from whale.model.errors import AccessDenied, SessionError
from whale.model.exec import ExecSpec
from whale.model.limits import MAX_APPROVALS_WAITING, MAX_APPROVALS_WAITING_EACH
from whale.model.principal import Action


def waiting(id: str, asker: str = "alice") -> Waiting:
    return Waiting(Approval(id, asker, Action.EXEC, WEB.id, "web", f"digest-{id}", 1, 2), WEB, ExecSpec())


def test_they_are_found_by_id_and_by_what_is_asked() -> None:
    room, one = WaitingRoom(), waiting("1")
    room.add(one)
    room.add(waiting("2"))
    assert room.get("1") is room.find("digest-1") is one
    assert [each.approval.id for each in room.all()] == ["1", "2"]
    assert room.take("1") is one
    assert room.take("1") is room.get("1") is room.find("digest-1") is None


def test_there_is_room_for_so_many_of_each_and_of_all() -> None:
    room = WaitingRoom()
    for number in range(MAX_APPROVALS_WAITING_EACH):
        room.add(waiting(f"a{number}"))
    with pytest.raises(SessionError) as refused:
        room.add(waiting("a"))
    assert refused.value.code == "approval.limit"
    for number in range(MAX_APPROVALS_WAITING - MAX_APPROVALS_WAITING_EACH):
        room.add(waiting(f"b{number}", f"p{number}"))
    with pytest.raises(SessionError):
        room.add(waiting("b", "last"))


async def test_everybody_who_asked_hears_the_first_answer() -> None:
    one = waiting("1")
    one.answers = {asyncio.get_running_loop().create_future() for _ in range(2)}
    one.answer(one.approval)
    one.answer(AccessDenied("too late"))
    assert [answer.result() for answer in one.answers] == [one.approval] * 2
    error = asyncio.get_running_loop().create_future()
    settle(error, AccessDenied("no"))
    with pytest.raises(AccessDenied):
        await error


async def test_what_nobody_waits_for_any_more_is_not_put_back() -> None:
    room, one = WaitingRoom(), waiting("1")
    room.put_back(one)
    assert room.all() == []
    one.answers = {asyncio.get_running_loop().create_future()}
    room.put_back(one)
    assert room.all() == [one]
