"""A right that was taken away ends what lives by it, and nothing else; nobody is asked about without need."""

import pytest

from tests.engines import eventually
from tests.turns import turns_of_others
from tests.unit.broker.conftest import ALICE, BOB, House
from whale.broker.readers import Right
from whale.broker.review import Groups, Review
from whale.model import turns as module
from whale.model.errors import WhaleError
from whale.model.exec import ExecSpec
from whale.model.principal import Action
from whale.model.role import Role
from whale.session.attachment import Attachment

SHELL = ExecSpec(tty=True, stdin=True)
NOBODY_IN_GROUPS: Groups = {ALICE.token_id: (), BOB.token_id: ()}


@pytest.fixture
def review(house: House) -> Review:
    return Review(house.judge, house.registry, house.broker.readers, house.approvals)


async def joined(house: House, owner: Attachment, role: Role = Role.VIEWER) -> Attachment:
    house.judge.others = {Action.VIEW, Action.ATTACH}
    return await house.sessions.join(BOB, owner.session.id, role=role, key="b", size=None)


def asked(house: House) -> list[Action]:
    found = [each.action for each in house.judge.asked]
    house.judge.asked.clear()
    return found


async def test_asks_when_the_answer_may_be_another(house: House, review: Review) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    await joined(house, owner)
    asked(house)
    await review.check(NOBODY_IN_GROUPS)
    assert asked(house) == [Action.SHELL, Action.VIEW], "an earlier server may have opened it under other rules"
    await review.check(NOBODY_IN_GROUPS)
    assert asked(house) == []
    house.judge.generation += 1
    await review.check(NOBODY_IN_GROUPS)
    assert asked(house) == [Action.SHELL, Action.VIEW]
    await review.check({**NOBODY_IN_GROUPS, BOB.token_id: ("x",)})
    assert asked(house) == [Action.SHELL, Action.VIEW]
    house.judge.changes_by_itself = True
    await review.check({**NOBODY_IN_GROUPS, BOB.token_id: ("x",)})
    assert asked(house) == [Action.SHELL, Action.VIEW]
    await review.check({})
    assert asked(house) == [], "whose groups nobody knows is left alone"


async def test_a_session_ends_with_the_right_to_start_it(house: House, review: Review) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL, key="a")
    other = await house.sessions.open(BOB, "web", SHELL)
    viewer = await joined(house, owner)
    house.judge.denied = {("alice", Action.SHELL)}
    await review.check(NOBODY_IN_GROUPS)
    assert (owner.is_revoked, owner.revoked_because) == (True, "because")
    await eventually(lambda: owner.session.is_over, "the end")
    assert owner.session.status == (None, "access.withdrawn")
    assert house.registry.find_attachment(ALICE, "a") is None
    assert not viewer.is_revoked, "who looks on is told how it ended"
    assert not other.session._end_requested
    viewer.close()


async def test_a_session_ends_with_its_container_out_of_sight(house: House, review: Review) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    house.judge.hidden = {"web"}
    await review.check(NOBODY_IN_GROUPS)
    assert owner.revoked_because == "hidden or not"


@pytest.mark.parametrize(("role", "right"), [(Role.VIEWER, Action.VIEW), (Role.CONTROLLER, Action.ATTACH)])
async def test_a_place_ends_with_the_right_to_it(house: House, review: Review, role: Role, right: Action) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    other = await joined(house, owner, role)
    house.judge.others -= {right}
    await review.check(NOBODY_IN_GROUPS)
    assert (other.is_revoked, other.revoked_because) == (True, "because")
    assert list(owner.session.audience.members) == [owner]
    assert not owner.session._end_requested


async def test_who_began_a_session_need_not_be_allowed_to_attach(house: House, review: Review) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    house.judge.denied = {("alice", Action.ATTACH)}
    await review.check(NOBODY_IN_GROUPS)
    assert not owner.is_revoked


async def test_asks_with_the_groups_of_today(house: House, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    await house.sessions.open(ALICE._replace(groups=("old",), address="192.0.2.1"), "web", SHELL)
    real = house.judge.decide

    def decide(principal, *args, **more):  # type: ignore[no-untyped-def]
        seen.append((principal.groups, principal.address))
        return real(principal, *args, **more)

    monkeypatch.setattr(house.judge, "decide", decide)
    await review.check({ALICE.token_id: ("new",)})
    assert set(seen) == {(("new",), "192.0.2.1")}


async def test_what_the_next_server_has_is_its_own(house: House, review: Review) -> None:
    owner = await house.sessions.open(ALICE, "web", SHELL)
    owner.session.abandon()
    house.judge.allows = False
    await review.check(NOBODY_IN_GROUPS)
    assert not owner.is_revoked
    assert owner.session.exec is not None
    await owner.session.exec.end(owner.session.end_policy)


async def test_others_get_their_turns(house: House, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE", 0.0)
    for _ in range(5):
        await house.sessions.open(ALICE, "web", SHELL)
    _, given = await turns_of_others(review.check(NOBODY_IN_GROUPS))
    assert given >= 4
    assert len(review._reviewed) == 5


async def test_a_log_that_is_followed_ends_with_the_right_to_read_it(house: House, review: Review) -> None:
    told: list[str] = []
    log = await house.broker.logs(ALICE, "web", follow=True, tail=None)
    asked(house)
    with house.broker.reading(log, lambda error: told.append(f"{error.code}: {error.hint}")):
        await review.check(NOBODY_IN_GROUPS)
        await review.check(NOBODY_IN_GROUPS)
        assert asked(house) == [Action.LOGS], "once, as long as nothing has changed"
        house.judge.denied = {("alice", Action.LOGS)}
        await review.check({**NOBODY_IN_GROUPS, ALICE.token_id: ("other",)})
        await review.check(NOBODY_IN_GROUPS)
    assert told == ["access.withdrawn: because"]
    await review.check(NOBODY_IN_GROUPS)
    assert review._reviewed == {}


async def test_a_log_ends_with_its_container_out_of_sight(house: House, review: Review) -> None:
    told: list[str] = []
    with house.broker.reading(
        await house.broker.logs(ALICE, "web", follow=True, tail=None), lambda error: told.append(error.hint)
    ):
        house.judge.hidden = {"web"}
        await review.check(NOBODY_IN_GROUPS)
    assert told == ["hidden or not"]


async def test_a_recording_is_read_by_the_right_to_read_it_alone(house: House, review: Review) -> None:
    house.judge.hidden = {"web"}
    house.judge.others = {Action.RECORD_READ}
    web = await house.engine.container("web")
    ends: list[WhaleError] = []
    with house.broker.readers.reading(Right(ALICE, Action.RECORD_READ, web, owner="bob"), ends.append):
        await review.check(NOBODY_IN_GROUPS)
        assert ends == [], "its container is not what it was then"
        house.judge.generation += 1
        house.judge.others = set()
        await review.check(NOBODY_IN_GROUPS)
    assert [error.code for error in ends] == ["access.withdrawn"]
