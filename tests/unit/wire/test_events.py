"""Events are plain values."""

from typing import get_args

from whale.model.errors import ProtocolError
from whale.model.exec import Stream
from whale.wire import events
from whale.wire.events import ClientEvent, OutputReceived, ServerEvent, StdinReceived, Violated


def test_each_event_belongs_to_an_end_and_only_a_violation_to_both() -> None:
    defined = {
        value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__
    }
    client, server = set(get_args(ClientEvent)), set(get_args(ServerEvent))
    assert defined == (client | server) - {type(None)}
    assert client & server == {Violated, type(None)}


def test_events_compare_by_value() -> None:
    assert StdinReceived(b"a") == StdinReceived(b"a")
    assert OutputReceived(Stream.STDOUT, b"a") != OutputReceived(Stream.STDERR, b"a")
    error = ProtocolError("no")
    assert Violated(error).error is error
