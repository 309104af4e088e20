"""The values of the trail on disk."""

from whale.model.audit import NO_EVENT, AuditQuery


def test_the_place_before_the_first_event_has_no_hash() -> None:
    assert NO_EVENT == (0, "0" * 64)


def test_an_empty_query_fits_everything() -> None:
    assert not any(AuditQuery()._replace(limit=0))
