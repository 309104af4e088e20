"""Which connection goes when too many say nothing."""

from whale.gateway.unauthenticated import ConnectionLimits, Unauthenticated

A, B = "192.0.2.1", "198.51.100.1"


class Transport:
    def __init__(self) -> None:
        self.is_cut = False

    def abort(self) -> None:
        self.is_cut = True


class Street:
    """Connections that come to a door."""

    def __init__(self, overall: int, per_address: int, *, shared: str = "") -> None:
        self.door = Unauthenticated(ConnectionLimits(overall, per_address), is_shared=lambda address: address == shared)
        self.made: list[Transport] = []

    def come(self, *addresses: str) -> None:
        for address in addresses:
            transport = Transport()
            self.made.append(transport)
            self.door.made(transport, transport, address=address)

    @property
    def cut(self) -> list[int]:
        return [number for number, transport in enumerate(self.made) if transport.is_cut]


def test_of_one_address_the_oldest_goes() -> None:
    street = Street(100, 3)
    street.come(A, B, A, A)
    assert street.cut == []
    street.come(A)
    assert (street.cut, len(street.door), street.door.cut) == ([0], 4, 1)


def test_an_ipv6_network_is_one_address() -> None:
    street = Street(100, 2)
    street.come("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1")
    assert street.cut == [0]


def test_of_all_the_one_with_the_most_loses_one() -> None:
    street = Street(4, 100)
    street.come(B, A, A, A)
    street.come("203.0.113.1")
    assert street.cut == [1], "not the oldest of all, who is alone at its address"


def test_a_shared_address_has_only_the_limit_of_all() -> None:
    street = Street(5, 2, shared=A)
    street.come(A, A, A, A, A)
    assert street.cut == []
    street.come(A)
    assert street.cut == [0]


def test_who_was_let_in_or_is_gone_counts_no_more() -> None:
    street = Street(100, 2)
    for _ in range(10):
        street.come(A)
        street.door.over(street.made[-1])
        street.door.over(street.made[-1])
    street.come(A, A)
    assert (street.cut, len(street.door)) == ([], 2)


def test_nothing_is_kept_of_those_that_are_gone() -> None:
    street = Street(100, 100)
    street.come(A, B)
    for transport in street.made:
        street.door.over(transport)
    assert (street.door._networks, street.door._network_of) == ({}, {})
