"""Any edit, removal, insertion or reordering of any event is found, and the end of a trail is as safe as its middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.audit.chain import TrailBroken, Verifier, link
from whale.audit.event import AuditEvent, Kind, Place, mark_of, timestamp
from whale.model.audit import NO_EVENT, AuditMark, AuditRow

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
places = st.builds(Place, id=words, name=words, labels=st.dictionaries(words, words, max_size=3))
events = st.builds(
    AuditEvent,
    time=st.floats(0, 4e9).map(timestamp),
    kind=st.sampled_from([kind for kind in Kind if kind is not Kind.PRUNED]),
    principal=words,
    action=words,
    container=st.none() | places,
    command=st.lists(words, max_size=3).map(tuple),
    status=st.none() | st.integers(0, 255),
)
trails = st.lists(events, min_size=1, max_size=12).map(lambda made: link(made, after=NO_EVENT))


def holds(rows: list[AuditRow], head: AuditMark) -> bool:
    verifier = Verifier()
    try:
        for row in rows:
            verifier.check(row)
        verifier.finish(head)
    except TrailBroken:
        return False
    return True


@given(trails)
def test_what_was_written_holds(rows: list[AuditRow]) -> None:
    assert holds(rows, mark_of(rows[-1]))


@given(trails, st.data())
def test_a_removal_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1))
    assert not holds([row for number, row in enumerate(rows) if number not in gone], mark_of(rows[-1]))


@given(trails, st.data())
def test_a_reordering_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    moved = [rows[number] for number in order]
    assert holds(moved, mark_of(rows[-1])) == (moved == rows)
    renumbered = [row._replace(seq=number + 1) for number, row in enumerate(moved)]
    assert holds(renumbered, mark_of(rows[-1])) == (moved == rows)


@given(trails, events, st.data())
def test_an_insertion_is_found(rows: list[AuditRow], event: AuditEvent, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows)))
    before = mark_of(rows[place - 1]) if place else NO_EVENT
    (forged,) = link([event], after=before)
    assert not holds([*rows[:place], forged, *rows[place:]], mark_of(rows[-1]))
    assert not holds([*rows[:place], rows[place - 1], *rows[place:]], mark_of(rows[-1]))


@given(trails, events, st.data())
def test_a_replacement_is_found_however_well_it_is_made(
    rows: list[AuditRow], event: AuditEvent, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    before = mark_of(rows[place - 1]) if place else NO_EVENT
    (forged,) = link([event], after=before)
    changed = [*rows[:place], forged, *rows[place + 1 :]]
    assert holds(changed, mark_of(rows[-1])) == (forged == rows[place])


@given(trails, st.data())
def test_an_edit_of_any_column_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(AuditRow._fields))
    new = data.draw(st.integers() if name in ("seq", "at") else words)
    changed = AuditRow(**{**rows[place]._asdict(), name: new})
    assert holds([*rows[:place], changed, *rows[place + 1 :]], mark_of(rows[-1])) == (changed == rows[place])


@given(trails, st.data())
def test_an_edit_of_any_character_is_found(rows: list[AuditRow], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    body = rows[place].body
    at = data.draw(st.integers(0, len(body) - 1))
    character = data.draw(st.characters())
    changed = rows[place]._replace(body=body[:at] + character + body[at + 1 :])
    assert holds([*rows[:place], changed, *rows[place + 1 :]], mark_of(rows[-1])) == (changed == rows[place])


@pytest.mark.parametrize("field", AuditMark._fields)
def test_an_edit_of_the_head_is_found(field: str) -> None:
    rows = link([AuditEvent(time=timestamp(0), kind=Kind.STARTED)], after=NO_EVENT)
    head = mark_of(rows[-1])
    assert not holds(rows, AuditMark(**{**head._asdict(), field: 2 if field == "seq" else "f" * 64}))
