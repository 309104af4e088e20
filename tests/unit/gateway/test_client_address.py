"""Who a request comes from, whatever it says itself."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import assume, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from whale.gateway.client_address import ClientAddresses, ForwardedHeader
from whale.model.limits import MAX_FORWARDED_HOPS

CLIENT, FORGED = "203.0.113.5", "198.51.100.66"
TRUSTED = ("192.0.2.0/24", "2001:db8:aa::/48")
PROXY = "192.0.2.10"


class Peer:
    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, name: str) -> Any:
        return (self.address, 1234) if name == "peername" else None


def address(
    peer: str,
    *headers: tuple[str, str],
    trusted: tuple[str, ...] = TRUSTED,
    header: ForwardedHeader = "x-forwarded-for",
) -> str:
    request = make_mocked_request("GET", "/", CIMultiDict(headers), transport=Peer(peer))
    return ClientAddresses(trusted, header=header).of(request)


def test_without_the_setting_no_header_counts() -> None:
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert address(PROXY, (name, FORGED), trusted=()) == PROXY


def test_a_client_that_is_no_proxy_is_not_believed() -> None:
    assert address(CLIENT, ("X-Forwarded-For", FORGED)) == CLIENT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CLIENT, CLIENT),
        (f"{FORGED}, {CLIENT}", CLIENT),
        (f"{FORGED}, {CLIENT}, 192.0.2.99", CLIENT),
        (f"{FORGED},{CLIENT}:5123", CLIENT),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("2001:db8:aa::1, 192.0.2.3", "2001:db8:aa::1"),
        (f"{FORGED}, unknown", PROXY),
        (f"{FORGED}, <script>", PROXY),
        ("", PROXY),
        ("::ffff:203.0.113.5", CLIENT),
    ],
)
def test_the_nearest_address_that_is_no_proxy_is_the_clients(value: str, expected: str) -> None:
    assert address(PROXY, ("X-Forwarded-For", value)) == expected


def test_two_headers_are_one_list() -> None:
    assert address(PROXY, ("X-Forwarded-For", FORGED), ("X-Forwarded-For", CLIENT)) == CLIENT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"for={CLIENT};proto=https;by=192.0.2.1", CLIENT),
        (f'for={FORGED}, For="{CLIENT}:80"', CLIENT),
        ('proto=https; for="[2001:db8::7]:443"', "2001:db8::7"),
        (f"for={FORGED}, for=_hidden", PROXY),
        (f"for={FORGED}, proto=https", PROXY),
    ],
)
def test_the_standard_header(value: str, expected: str) -> None:
    assert address(PROXY, ("Forwarded", value), header="forwarded") == expected


def test_only_the_header_that_the_proxy_writes_is_read() -> None:
    both = (("Forwarded", f"for={FORGED}"), ("X-Forwarded-For", CLIENT))
    assert address(PROXY, *both) == CLIENT
    assert address(PROXY, ("Forwarded", FORGED)) == PROXY
    assert address(PROXY, ("X-Forwarded-For", f"for={FORGED}"), header="forwarded") == PROXY


def test_a_giant_header_costs_little_and_its_end_counts() -> None:
    assert address(PROXY, ("X-Forwarded-For", f"{FORGED}, " * 100_000 + CLIENT)) == CLIENT
    many = ", ".join([FORGED, *["192.0.2.3"] * MAX_FORWARDED_HOPS])
    assert address(PROXY, ("X-Forwarded-For", many)) == "192.0.2.3"


def test_a_proxy_that_speaks_ipv6_for_ipv4_is_the_same_one() -> None:
    assert address(f"::ffff:{PROXY}", ("X-Forwarded-For", CLIENT)) == CLIENT


HOPS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from([PROXY, "2001:db8:aa::1", "unknown", "for=", '"', "[", "::ffff:192.0.2.3"]),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0,"), max_size=20),
)


@given(before=st.lists(HOPS, max_size=5), proxies=st.integers(0, 5), client=st.ip_addresses())
def test_what_stands_before_the_first_stranger_never_matters(
    before: list[str], proxies: int, client: IPv4Address | IPv6Address
) -> None:
    assume(not ClientAddresses(TRUSTED).is_trusted(str(client)))
    value = ", ".join([*before, str(client), *["192.0.2.99"] * proxies])
    mapped = getattr(client, "ipv4_mapped", None)
    assert address(PROXY, ("X-Forwarded-For", value)) == str(mapped or client)
    quoted = ", ".join([*before, f'for="[{client}]"', *["for=192.0.2.99"] * proxies])
    assert address(PROXY, ("Forwarded", quoted), header="forwarded") == str(mapped or client)
