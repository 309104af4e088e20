"""Addresses of clients as limits count them: one machine is one IPv4 address, or one /64 of IPv6."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

MAX_ADDRESS: Final = 64
"""Characters of an address that are looked at; the longest one with a zone is shorter."""


def parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address; None for anything else. IPv4 that is written as IPv6 (::ffff:192.0.2.1) becomes IPv4."""
    try:
        address = ip_address(text) if len(text) <= MAX_ADDRESS else None
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def network_of(text: str) -> str:
    """The network that an address is counted as. Whoever has one IPv6 address usually has the 2^64 beside it."""
    address = parse_ip(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address.packed[:8] + bytes(8), 64)))
    return str(address) if address is not None else text[:MAX_ADDRESS]


def is_loopback(text: str) -> bool:
    """True for this machine itself, from which many users and proxies come."""
    address = parse_ip(text)
    return address is not None and address.is_loopback
