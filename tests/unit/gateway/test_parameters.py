"""Query parameters."""

from urllib.parse import quote

import pytest
from aiohttp.test_utils import make_mocked_request

from whale.gateway.context import PRINCIPAL
from whale.gateway.parameters import MAX_TAIL, asker, flag, number, only, tail
from whale.model.errors import UsageError
from whale.model.ids import TokenId
from whale.model.principal import Principal


@pytest.mark.parametrize("query", ["b=1", "a=1&b=2", "a=1&a=2", "A=1"])
def test_unknown_and_doubled_ones_are_refused(query: str) -> None:
    with pytest.raises(UsageError, match="unknown or given twice"):
        only(make_mocked_request("GET", f"/?{query}"), "a")


def test_known_ones_and_none_pass() -> None:
    only(make_mocked_request("GET", "/?a=1&b=2"), "a", "b")
    only(make_mocked_request("GET", "/"))


def test_the_hint_names_what_there_is() -> None:
    with pytest.raises(UsageError) as refused:
        only(make_mocked_request("GET", "/?x=1"), "a", "b")
    assert refused.value.hint == "there are: a, b"
    with pytest.raises(UsageError) as refused:
        only(make_mocked_request("GET", "/?x=1"))
    assert refused.value.hint == "there are none"


@pytest.mark.parametrize(("query", "value"), [("", False), ("all=false", False), ("all=true", True)])
def test_flags(query: str, value: bool) -> None:
    assert flag(make_mocked_request("GET", f"/?{query}"), "all") is value


@pytest.mark.parametrize("value", ["", "1", "yes", "True"])
def test_a_flag_is_true_or_false(value: str) -> None:
    with pytest.raises(UsageError):
        flag(make_mocked_request("GET", f"/?all={value}"), "all")


@pytest.mark.parametrize(
    ("query", "lines"), [("", None), ("tail=all", None), ("tail=0", 0), ("tail=1000000", MAX_TAIL)]
)
def test_tails(query: str, lines: int | None) -> None:
    assert tail(make_mocked_request("GET", f"/?{query}")) == lines


@pytest.mark.parametrize("value", ["", "-1", "1000001", "99999999", "x"])
def test_a_tail_is_a_number_of_lines(value: str) -> None:
    with pytest.raises(UsageError):
        tail(make_mocked_request("GET", f"/?tail={value}"))


@pytest.mark.parametrize("value", ["0", "11", "-1", "1.0", "", "x", "٣", "1" * 17])
def test_a_number_is_whole_and_in_range(value: str) -> None:
    with pytest.raises(UsageError, match="from 1 to 10"):
        number(make_mocked_request("GET", f"/?n={quote(value)}"), "n", most=10)


def test_a_number_is_read() -> None:
    assert number(make_mocked_request("GET", "/?n=10"), "n", most=10) == 10
    assert number(make_mocked_request("GET", "/"), "n", most=10) is None


@pytest.mark.parametrize("reason", ["a%0Ab", "%1B", "x" * 201])
def test_a_reason_is_one_line(reason: str) -> None:
    with pytest.raises(UsageError):
        asker(make_mocked_request("GET", f"/?reason={reason}"))


def test_who_asks_says_why() -> None:
    request = make_mocked_request("GET", "/?reason=ticket%2042")
    request[PRINCIPAL] = Principal("alice", TokenId("a"))
    assert asker(request) == Principal("alice", TokenId("a"), purpose="ticket 42")
