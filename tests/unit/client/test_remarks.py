import pytest

from whale.client.remarks import closed, detached, missed_remark, role_remark
from whale.model.role import Role
from whale.wire.websocket import CloseReceived


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (None, "detached from the session"),
        (45, "detached from the session; it goes on for 45 s without you"),
        (300, "detached from the session; it goes on for 5 min without you"),
        (86_400, "detached from the session; it goes on for 24 h without you"),
    ],
)
def test_who_detached_hears_for_how_long_it_goes_on(keep: int | None, text: str) -> None:
    error = detached("0123456789abcdef", keep)
    assert (error.message, error.code) == (text, "session.detached")
    assert error.hint == "come back with: whale attach 0123456789ab"


def test_a_server_that_stops_is_no_server_that_failed() -> None:
    assert closed(CloseReceived(1001, "")).code == "server.stopping"
    other = closed(CloseReceived(4500, ""))
    assert (other.code, "4500" in other.message) == ("transport.lost", True)


def test_the_keyboard_and_what_is_missing_are_named() -> None:
    assert role_remark(Role.CONTROLLER) == "you have the keyboard"
    assert "~v" in role_remark(Role.VIEWER)
    assert missed_remark(12) == "12 bytes of output were not kept meanwhile"
