"""The chain: what is wrong in it is found, and the number of the event is said. tests/property has the rest."""

import pytest

from whale.audit.chain import TrailBroken, Verifier, link
from whale.audit.event import AuditEvent, Kind, mark_of, row_of, timestamp
from whale.model.audit import NO_EVENT, AuditMark, AuditRow


def events(count: int) -> list[AuditEvent]:
    return [AuditEvent(time=timestamp(n), kind=Kind.ALLOWED, principal=f"p{n}") for n in range(count)]


def verify(rows: list[AuditRow], *, head: AuditMark, anchor: AuditMark = NO_EVENT) -> AuditMark:
    verifier = Verifier(anchor=anchor)
    for row in rows:
        verifier.check(row)
    verifier.finish(head)
    return verifier.last


def broken(rows: list[AuditRow], *, head: AuditMark, anchor: AuditMark = NO_EVENT) -> tuple[int, str]:
    with pytest.raises(TrailBroken) as caught:
        verify(rows, head=head, anchor=anchor)
    assert caught.value.code == "audit.broken"
    return caught.value.seq, caught.value.message


ROWS = link(events(6), after=NO_EVENT)
HEAD = mark_of(ROWS[-1])


def test_a_whole_trail_holds_also_an_empty_one() -> None:
    assert verify(ROWS, head=HEAD) == HEAD
    assert verify([], head=NO_EVENT) == NO_EVENT


def test_batches_link_to_each_other() -> None:
    more = link(events(2), after=HEAD)
    assert verify([*ROWS, *more], head=mark_of(more[-1])).seq == 8


def test_can_begin_in_the_middle() -> None:
    verifier = Verifier.starting_at(ROWS[2])
    for row in ROWS[2:]:
        verifier.check(row)
    verifier.check_head(HEAD)
    verifier = Verifier.starting_at(ROWS[2])
    verifier.check(ROWS[2]._replace(body=ROWS[2].body.replace("p2", "p9"), principal="p9"))
    with pytest.raises(TrailBroken) as broken:
        verifier.check(ROWS[3])
    assert broken.value.seq == 4
    with pytest.raises(TrailBroken):
        Verifier.starting_at(ROWS[2]._replace(body="{}"))


def test_a_missing_event_is_named() -> None:
    assert broken(ROWS[1:], head=HEAD) == (1, "event 1 is missing")
    assert broken([*ROWS[:2], *ROWS[3:]], head=HEAD) == (3, "event 3 is missing")
    assert broken(ROWS[:4], head=HEAD) == (5, "event 5 is missing, at the end")


def test_an_added_event_is_named() -> None:
    assert broken([*ROWS[:3], ROWS[2], *ROWS[3:]], head=HEAD) == (4, "event 4 is there twice")
    assert broken([*ROWS, *link(events(1), after=HEAD)], head=HEAD) == (7, "event 7 was added")


def test_an_edited_event_is_named_or_the_one_that_does_not_follow() -> None:
    edited = ROWS[2]._replace(body=ROWS[2].body.replace("p2", "p9"))
    assert broken([*ROWS[:2], edited, *ROWS[3:]], head=HEAD)[0] == 3  # the column says otherwise
    both = edited._replace(principal="p9")
    assert broken([*ROWS[:2], both, *ROWS[3:]], head=HEAD)[0] == 4
    last = ROWS[-1]._replace(body=ROWS[-1].body.replace("p5", "p9"), principal="p9")
    assert broken([*ROWS[:-1], last], head=HEAD) == (6, "event 6 was changed")


@pytest.mark.parametrize("body", ["", "{}", ROWS[2].body + " ", ROWS[2].body.replace('"time":"19', '"time":"x')])
def test_what_is_no_event_any_more_is_named(body: str) -> None:
    assert broken([*ROWS[:2], ROWS[2]._replace(body=body), *ROWS[3:]], head=HEAD)[0] == 3


def test_old_events_can_be_deleted_and_an_event_says_so() -> None:
    through = mark_of(ROWS[3])
    pruned = AuditEvent(time=timestamp(9), kind=Kind.PRUNED, count=4, through=through.seq, hash=through.hash)
    rows = [*ROWS[4:], *link([pruned], after=HEAD)]
    head = mark_of(rows[-1])
    assert verify(rows, head=head, anchor=through) == head
    assert broken(rows, head=head) == (1, "event 1 is missing")
    assert broken(rows[1:], head=head, anchor=mark_of(ROWS[4]))[0] == 5
    assert broken(ROWS[4:], head=HEAD, anchor=through)[0] == 4


def test_rows_are_what_their_events_say() -> None:
    assert [row.seq for row in ROWS] == [1, 2, 3, 4, 5, 6]
    assert row_of(AuditEvent(time=timestamp(0), kind=Kind.ALLOWED, seq=1, previous="0" * 64, principal="p0")) == ROWS[0]
