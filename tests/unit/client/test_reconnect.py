"""The way back: how often it is tried, and when it is given up."""

import contextlib
import os
import select
import socket
import time
from pathlib import Path

import pytest

from tests.unit.client.certificates import ca_file, server_context
from tests.unit.client.scripted import DEADLINE, TOKEN, Gone, Peer, scripted, wait_until
from whale.client import race
from whale.client import reconnect as room
from whale.client.address import Address
from whale.client.link import Link
from whale.client.profile import Profile
from whale.client.reconnect import Reconnect
from whale.model.errors import WhaleError
from whale.model.secret import Secret
from whale.wire.attach_header import ATTACH_HEADER, decode_attach_header


def result(search: Reconnect) -> Link | WhaleError:
    assert select.select([search.descriptor], [], [], DEADLINE)[0]
    assert search.is_done()
    return search.result()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def profile(port: int) -> Profile:
    return Profile("", Address("http", "127.0.0.1", port), Secret(TOKEN))


def shake(peer: Peer) -> None:
    peer.shake()


def test_it_is_there_at_once_when_the_server_is() -> None:
    with scripted(shake) as server:
        begin = time.monotonic()
        link = result(Reconnect(server.profile, 5.0))
        assert isinstance(link, Link)
        assert time.monotonic() - begin < 1.0
        link.drop()


def test_it_is_tried_again_until_the_server_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "LONGEST_PAUSE", 0.1)
    port = free_port()
    search = Reconnect(profile(port), 30.0)
    assert not select.select([search.descriptor], [], [], 0.3)[0]
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(DEADLINE)
        sock, _ = listener.accept()
        sock.close()  # it comes back, and goes again
        while True:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(Gone):  # some connections lose the race
                Peer(sock).shake()
                link = result(search)
                assert isinstance(link, Link)
                link.drop()
                return


@pytest.mark.parametrize("code", ["auth.unavailable", "auth.limited", "server.stopping"])
def test_what_may_pass_is_waited_for(code: str) -> None:
    answers = iter([code, ""])

    def script(peer: Peer) -> None:
        assert decode_attach_header(peer.receive_request().headers[ATTACH_HEADER]) == b"\x05{}"
        if refusal := next(answers):
            peer.refuse(503, refusal, "not now")
        else:
            peer.shake()

    with scripted(script) as server:
        link = result(Reconnect(server.profile, 30.0, attach=b"\x05{}"))
        assert isinstance(link, Link)
        link.drop()


@pytest.mark.parametrize(("status", "code"), [(401, "auth.invalid"), (403, "access.denied")])
def test_a_no_is_an_answer(status: int, code: str) -> None:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.refuse(status, code, "no")

    with scripted(script) as server:
        error = result(Reconnect(server.profile, 30.0))
    assert isinstance(error, WhaleError)
    assert error.code == code


def test_who_does_not_answer_is_left_for_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ANSWER_TIMEOUT", 0.2)
    tries = iter(range(100))

    def script(peer: Peer) -> None:
        peer.receive_request()
        if next(tries) < 2:
            with pytest.raises(Gone):
                peer.next_event()  # the network is gone again
        else:
            peer.shake()

    with scripted(script) as server:
        begin = time.monotonic()
        link = result(Reconnect(server.profile, 30.0))
        assert isinstance(link, Link)
        assert 0.6 <= time.monotonic() - begin < 5, "the second try has twice as long"
        link.drop()


def test_a_handshake_that_is_given_up_takes_nothing_over_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ANSWER_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE)
        search = Reconnect(profile(listener.getsockname()[1]), 30.0)
        first, _ = listener.accept()
        with first:
            first.settimeout(DEADLINE)
            assert first.recv(65536).endswith(b"\r\n\r\n")
            with pytest.raises(ConnectionResetError):  # a close in order may have a rest that comes later
                first.recv(1)
        second, _ = listener.accept()
        with second:
            second.settimeout(DEADLINE)
            Peer(second).shake()
            link = result(search)
            assert isinstance(link, Link)
            link.drop()
            assert second.recv(1) == b"", "but one that was taken is closed in order"


def test_tls_is_spoken_again_too(tmp_path: Path) -> None:
    with scripted(shake, context=server_context("127.0.0.1")) as server:
        link = result(Reconnect(server.profile._replace(ca_file=ca_file(tmp_path)), 30.0))
        assert isinstance(link, Link)
        link.drop()
        refused = result(Reconnect(server.profile, 30.0))
        assert isinstance(refused, WhaleError)
        assert refused.code == "transport.tls"


def test_who_hurries_is_not_left_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "SHORTEST_PAUSE", 60.0)
    monkeypatch.setattr(race, "LONGEST_PAUSE", 60.0)
    port = free_port()
    search = Reconnect(profile(port), 600.0)
    wait_until(lambda: search._race._last > 0)
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(DEADLINE)
        search.hurry()
        sock, _ = listener.accept()
        Peer(sock).shake()
        link = result(search)
        assert isinstance(link, Link)
        link.drop()
        sock.close()


def connected(search: Reconnect) -> None:
    """Wait until it has a connection."""
    while not search.is_connected:
        assert select.select([search.descriptor], [], [], DEADLINE)[0]
        assert not search.is_done()


def test_a_connection_waits_for_the_word() -> None:
    heard = []

    def script(peer: Peer) -> None:
        heard.append(peer.receive_request().headers[ATTACH_HEADER])
        peer.shake()

    with scripted(script) as server:
        search = Reconnect(server.profile, 30.0, attach=None)
        connected(search)
        assert heard == [], "the handshake takes the session over"
        search.go(b"\x05{}")
        link = result(search)
        assert isinstance(link, Link)
        assert decode_attach_header(heard[0]) == b"\x05{}"
        link.drop()


def test_a_connection_that_nobody_wants_is_closed_without_a_word() -> None:
    def script(peer: Peer) -> None:
        with pytest.raises(Gone):
            peer.receive_request()

    before = set(os.listdir("/proc/self/fd"))
    with scripted(script) as server:
        search = Reconnect(server.profile, 30.0, attach=None)
        connected(search)
        search.discard()
        search._thread.join(DEADLINE)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_it_is_given_up_in_time() -> None:
    begin = time.monotonic()
    error = result(Reconnect(profile(free_port()), 0.3))
    assert isinstance(error, WhaleError)
    assert error.code == "transport.lost"
    assert "lost" in error.message
    assert time.monotonic() - begin < 2.0


def test_who_cancels_does_not_wait_and_leaves_nothing() -> None:
    before = set(os.listdir("/proc/self/fd"))
    search = Reconnect(profile(free_port()), 60.0)
    search.cancel()
    search._thread.join(DEADLINE)
    assert not search._thread.is_alive()
    os.close(search.descriptor)
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_fault_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(race.Race, "run", fail)
    error = result(Reconnect(profile(free_port()), 60.0))
    assert isinstance(error, WhaleError)
    assert error.code == "internal"


def test_another_attach_goes_with_the_handshakes_that_are_to_come() -> None:
    port = free_port()
    search = Reconnect(profile(port), 30.0, attach=b"\x05first")
    search.ask(b"\x05second")
    seen: list[str] = []

    def script(peer: Peer) -> None:
        seen.append(peer.receive_request().headers[ATTACH_HEADER])
        peer.shake()

    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(DEADLINE)
        sock, _ = listener.accept()
        script(Peer(sock))
        link = result(search)
        assert isinstance(link, Link)
        assert [decode_attach_header(value) for value in seen] == [search.asked] == [b"\x05second"]
        link.drop()
        sock.close()
