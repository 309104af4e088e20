"""The event: its canonical form, its hash, its row."""

import hashlib
import json
import re
from pathlib import Path
from typing import get_type_hints

import pytest

from whale.audit.event import (
    MEANINGS,
    AuditEvent,
    Kind,
    Place,
    decode_event,
    encode_event,
    hash_of,
    mark_of,
    microseconds,
    row_of,
    timestamp,
)
from whale.model import limits
from whale.model.errors import WhaleError

WEB = Place(id="ab" * 32, name="web", image="nginx", labels={"z": "1", "a": "2"})
EVENT = AuditEvent(
    seq=7, time=timestamp(1_800_000_000.25), kind=Kind.OPENED, previous="0" * 64, principal="alice", action="exec",
    container=WEB, session="s1", command=("echo", "é\n"), bytes_in=0,
)  # fmt: skip


def test_the_canonical_form_is_one_line_of_json_with_sorted_labels() -> None:
    body = encode_event(EVENT)
    assert "\n" not in body
    found = json.loads(body)
    assert found["time"] == "2027-01-15T08:00:00.250000Z"
    assert list(found["container"]["labels"]) == ["a", "z"]
    assert (found["command"], found["bytes_in"]) == (["echo", "é\n"], 0)
    assert "status" not in found
    swapped = Place(id=WEB.id, name=WEB.name, image=WEB.image, labels={"a": "2", "z": "1"})
    assert encode_event(decode_event(body.replace('"a":"2","z":"1"', '"z":"1","a":"2"'))) == body
    assert swapped == WEB


def test_an_event_comes_back_as_it_went() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"time":"x","kind":"nonsense"}', "\ud800"])
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(WhaleError) as caught:
        decode_event(body)
    assert caught.value.code == "server.database"


def test_the_hash_is_that_of_the_line() -> None:
    body = encode_event(EVENT)
    assert hash_of(body) == hashlib.sha256(body.encode()).hexdigest()
    assert mark_of(row_of(EVENT)) == (7, hash_of(body))


def test_times_keep_their_microseconds() -> None:
    for time in (0.0, 1_800_000_000.123456, 4_000_000_000.999999):
        assert microseconds(timestamp(time)) == round(time * 1e6)


def test_the_row_has_what_is_searched() -> None:
    row = row_of(EVENT)
    assert row[:8] == (7, 1_800_000_000_250_000, "session.opened", "alice", "exec", "web", "ab" * 32, "s1")
    assert row_of(AuditEvent(time=timestamp(0), kind=Kind.STARTED))[3:8] == ("",) * 5


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Kind)


def test_the_document_has_every_kind_and_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", page, re.MULTILINE))
    hints = get_type_hints(AuditEvent, include_extras=True)
    fields = {name: hints[name].__metadata__[0].description for name in AuditEvent.__struct_fields__}
    assert rows == fields | {kind.value: text for kind, text in MEANINGS.items()}
    assert f"at most {limits.MAX_AUDIT_REFUSALS} in a" in page
    assert f"within {limits.AUDIT_TIMEOUT:g} seconds" in page
    assert f"up to {limits.MAX_AUDIT_QUEUE:,} events" in page
