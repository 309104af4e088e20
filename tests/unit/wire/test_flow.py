"""Offsets and credit (PROTOCOL.md section 5)."""

import pytest

from whale.model.errors import ProtocolError
from whale.wire.flow import ReceiveFlow, SendFlow


def test_credit_is_what_the_window_leaves() -> None:
    flow = SendFlow(window=10)
    flow.send(6)
    assert (flow.sent, flow.credit) == (6, 4)
    flow.acknowledge(offset=5)
    assert (flow.acked, flow.credit) == (5, 9)


def test_sending_beyond_the_credit_is_the_callers_mistake() -> None:
    flow = SendFlow(window=3)
    with pytest.raises(ValueError, match="more bytes than the peer allowed"):
        flow.send(4)
    assert flow.sent == 0
    flow.send(3)
    with pytest.raises(ValueError, match="more bytes"):
        flow.send(1)


@pytest.mark.parametrize("offset", [4, 9, 2**62])
def test_an_acknowledgement_outside_what_was_sent_is_a_violation(offset: int) -> None:
    flow = SendFlow(window=20)
    flow.send(8)
    flow.acknowledge(offset=5)
    with pytest.raises(ProtocolError) as caught:
        flow.acknowledge(offset=offset)
    assert caught.value.code == "protocol.flow"
    assert flow.acked == 5


def test_an_acknowledgement_may_repeat_itself() -> None:
    flow = SendFlow(window=8)
    flow.send(8)
    flow.acknowledge(offset=8)
    flow.acknowledge(offset=8)
    assert flow.credit == 8


def test_a_sender_without_credit_is_found_out() -> None:
    flow = ReceiveFlow(window=8)
    flow.receive(8)
    with pytest.raises(ProtocolError) as caught:
        flow.receive(1)
    assert caught.value.code == "protocol.flow"
    assert flow.received == 8


def test_consuming_alone_gives_no_credit_but_reporting_does() -> None:
    flow = ReceiveFlow(window=8)
    flow.receive(8)
    flow.consume(8)
    with pytest.raises(ProtocolError):
        flow.receive(1)
    assert flow.report() == 8
    flow.receive(8)


def test_it_is_time_to_report_at_a_quarter_of_the_window() -> None:
    flow = ReceiveFlow(window=100)
    flow.receive(100)
    assert not flow.consume(24)
    assert flow.consume(1)
    flow.report()
    assert not flow.consume(24)


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
def test_a_sender_is_always_freed_also_by_a_tiny_window(window: int) -> None:
    sender, receiver = SendFlow(window=window), ReceiveFlow(window=window)
    for _ in range(100):
        size = sender.credit
        assert size > 0
        sender.send(size)
        receiver.receive(size)
        if receiver.consume(size):
            sender.acknowledge(offset=receiver.report())


@pytest.mark.parametrize("window", [0, 1, 100])
def test_nothing_consumed_is_nothing_to_report(window: int) -> None:
    assert not ReceiveFlow(window=window).consume(0)


def test_consuming_what_did_not_come_is_the_callers_mistake() -> None:
    flow = ReceiveFlow(window=8)
    flow.receive(2)
    with pytest.raises(ValueError, match="more bytes consumed than received"):
        flow.consume(3)
    assert flow.consumed == 0
