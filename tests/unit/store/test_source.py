"""Each database system says how its writers begin."""

from pathlib import Path

from whale.store.place import StorePlace
from whale.store.postgres import postgres_source
from whale.store.source import FIRST, Source
from whale.store.sqlite import sqlite_source


async def test_writers_begin_with_their_lock_and_readers_with_nothing(place: StorePlace) -> None:
    source: Source = sqlite_source(place) if isinstance(place, Path) else postgres_source(place, is_patient=False)
    assert FIRST in source.writing
    assert FIRST not in source.reading
    assert source.translate(ZeroDivisionError()) is None
    await source.engine.dispose()
