import os

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.scripted import Peer, Script, scripted
from whale.cli.logs import logs
from whale.model.exec import ExitStatus
from whale.wire.framing import MEDIA_TYPE, encode_framed
from whale.wire.messages import Status, encode_status

HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA_TYPE}\r\nConnection: close\r\n\r\n".encode()


def serving(*, whole: bool = True) -> Script:
    def script(peer: Peer) -> None:
        peer.receive_request()
        peer.sock.sendall(HEAD + encode_framed(b"\x01out\n") + encode_framed(b"\x02err\n"))
        if whole:
            peer.sock.sendall(encode_framed(encode_status(Status(ExitStatus(0), "", stdout=4, stderr=4))))

    return script


def test_streams_go_where_they_belong(whale: Whale) -> None:
    with scripted(serving()) as server:
        whale.use(server)
        assert whale("logs", "-f", "--tail", "5", "web") == (0, "out\n", "err\n")
    assert server.peers[0].request is not None
    assert server.peers[0].request.path == "/1.0/containers/web/logs?follow=true&tail=5"


def test_a_cut_log_is_125(whale: Whale) -> None:
    with scripted(serving(whole=False)) as server:
        whale.use(server)
        status, out, err = whale("logs", "web")
    assert (status, out) == (125, "out\n")
    assert "whale: the log was cut" in err


def test_a_reader_that_leaves_and_a_full_disk(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(writer, data))
    with scripted(serving()) as server:
        whale.use(server)
        assert whale("logs", "web").status == 141
    os.close(writer)
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(full, data))
    with scripted(serving()) as server:
        whale.use(server)
        status, _, err = whale("logs", "web")
    os.close(full)
    assert status == 125
    assert "can't be written" in err


def test_its_flags_are_dockers() -> None:
    flags = {flag for parameter in logs.params for flag in parameter.opts}
    assert {"-f", "--follow", "-n", "--tail"} <= flags


@pytest.mark.parametrize("tail", ["x", "-1", "1.5", "٣"])
def test_a_tail_is_a_number_or_all(whale: Whale, tail: str) -> None:
    status, _, err = whale("logs", f"--tail={tail}", "web")
    assert status == 125
    assert "neither a number of lines nor all" in err
