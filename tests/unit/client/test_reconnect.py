"""The way back: how often it is tried, and when it is given up."""

import contextlib
import os
import select
import socket
import time

import pytest

from tests.unit.client.scripted import DEADLINE, TOKEN, Gone, Peer, scripted
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
    monkeypatch.setattr(room, "LONGEST_PAUSE", 0.1)
    port = free_port()
    search = Reconnect(profile(port), 30.0)
    assert not select.select([search.descriptor], [], [], 0.3)[0]
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(DEADLINE)
        sock, _ = listener.accept()
        sock.close()  # it comes back, and goes again
        while True:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(Gone):  # some connections only ask whether this is TLS
                Peer(sock).shake()
                link = result(search)
                assert isinstance(link, Link)
                link.drop()
                return


@pytest.mark.parametrize("code", ["auth.unavailable", "server.stopping"])
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

    monkeypatch.setattr(room, "connect", fail)
    error = result(Reconnect(profile(free_port()), 60.0))
    assert isinstance(error, WhaleError)
    assert error.code == "internal"
