"""Where a request comes from: the other end of its connection, or what a proxy that is trusted says of it.

Only one header is read, the one that the settings name, and only from proxies that they name: any client can send
both headers. Of the addresses in it those of trusted proxies are passed over from the nearest on; the first other one
is the client's. What stands further away is the client's own word and counts for nothing.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Final, Literal

from aiohttp import web

from whale.model.limits import MAX_FORWARDED_HOPS
from whale.model.network import parse_ip

ForwardedHeader = Literal["x-forwarded-for", "forwarded"]
MAX_HEADER: Final = 4096
"""Longest header that is looked at, in characters: its end, which the nearest proxies wrote."""


class ClientAddresses:
    """One per server."""

    def __init__(self, trusted: Iterable[str] = (), *, header: ForwardedHeader = "x-forwarded-for") -> None:
        """`trusted` are the networks of proxies, as 192.0.2.0/24."""
        self._trusted = [ip_network(text, strict=False) for text in trusted]
        self._header = header

    def is_trusted(self, address: str) -> bool:
        """True for the address of a trusted proxy."""
        parsed = parse_ip(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def of(self, request: web.Request) -> str:
        """The client's address, as far as it is known; never one that the client could make up."""
        found = _normal(request.remote or "")
        if not self.is_trusted(found):
            return found
        for hop in _hops(request.headers.getall(self._header, []), self._header):
            if parse_ip(hop) is None:
                break  # a proxy that hides where it has it from
            found = _normal(hop)
            if not self.is_trusted(found):
                break
        return found


def _normal(text: str) -> str:
    address = parse_ip(text)
    return str(address) if address is not None else text


def _hops(values: Sequence[str], header: ForwardedHeader) -> Iterable[str]:
    """The addresses in a header, the nearest first."""
    text = ",".join(values)[-MAX_HEADER:]
    hops = [hop.strip() for hop in text.split(",")][-MAX_FORWARDED_HOPS:]
    read = _without_port if header == "x-forwarded-for" else _for_of
    return (read(hop) for hop in reversed(hops))


def _for_of(element: str) -> str:
    """The node in `for=` of one element (RFC 7239 section 4)."""
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return _without_port(value.strip().strip('"'))
    return ""


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
