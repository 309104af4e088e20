import getpass
import json
import sys
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.certificates import ca_file, server_context
from tests.unit.client.scripted import TOKEN, Peer, scripted
from tests.unit.client.test_pin import served_by, silent
from whale.cli.login import login
from whale.server.authority import create_authority


def accept(peer: Peer) -> None:
    request = peer.receive_request()
    if request.path.startswith("/1.0/login/device"):
        peer.refuse(404, "login.no_provider", "there is none")
    elif request.headers["Authorization"] == f"Bearer {TOKEN}":
        peer.answer(200, json.dumps({"version": "1", "api": "1.0", "engines": []}).encode())
    else:
        peer.refuse(401, "auth.invalid", "the credential is wrong")


GRANTED = {"user": "alice", "access_token": "whale_access", "refresh_token": "whale_refresh", "expires_in": 900}


def saved(whale: Whale) -> dict[str, object]:
    path = whale.folder / "conf" / "config.json"
    assert path.stat().st_mode & 0o777 == 0o600
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_a_token_is_never_an_argument() -> None:
    options = {flag for parameter in login.params for flag in parameter.opts}
    assert options == {
        "url",
        "--name",
        "--token-stdin",
        "--no-browser",
        "--federated",
        "--id-token-file",
        "--ca-file",
    }


def test_a_token_from_stdin_is_tried_and_saved(whale: Whale) -> None:
    with scripted(accept) as server:
        whale.type(f"{TOKEN}\n")
        status, out, err = whale("login", "--token-stdin", server.url)
        assert (status, out) == (0, "")
        assert server.url in err
        assert TOKEN not in err
        name = f"127.0.0.1:{server.port}"
        assert saved(whale) == {"current": name, "profiles": {name: {"url": server.url, "token": TOKEN}}}
        assert whale("version").status == 0, "the login is the current one"


def test_a_terminal_is_asked_without_echo(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return TOKEN

    monkeypatch.setattr(getpass, "getpass", answer)
    whale.type("")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with scripted(accept) as server:
        assert whale("login", "--name", "lab", server.url).status == 0
        assert asked == [f"Token for {server.url}: "]
    assert saved(whale)["current"] == "lab"


def test_a_wrong_token_is_not_saved(whale: Whale) -> None:
    with scripted(accept) as server:
        for token in ("whale_wrong", "", "two words"):
            whale.type(f"{token}\n")
            status, _, err = whale("login", server.url)
            assert status == 125
            assert not token or token not in err
    assert not (whale.folder / "conf").exists()


def test_several_logins_stay_apart(whale: Whale) -> None:
    with scripted(accept) as one, scripted(accept) as two:
        for name, server in (("one", one), ("two", two)):
            whale.type(TOKEN)
            assert whale("login", "--name", name, server.url).status == 0
        profiles = saved(whale)["profiles"]
    assert profiles == {
        "one": {"url": one.url, "token": TOKEN},
        "two": {"url": two.url, "token": TOKEN},
    }


def test_a_private_authority_is_remembered(whale: Whale, tmp_path: Path) -> None:
    trusted = ca_file(tmp_path)
    with scripted(accept, context=server_context("127.0.0.1")) as server:
        whale.type(TOKEN)
        assert whale("login", server.url).status == 125
        whale.type(TOKEN)
        assert whale("login", "--ca-file", trusted, "--name", "tls", server.url).status == 0
        assert whale("version").status == 0
    assert saved(whale)["profiles"] == {"tls": {"url": server.url, "token": TOKEN, "ca_file": trusted}}


def test_what_makes_no_sense_is_refused_before_a_token_is_asked_for(whale: Whale) -> None:
    whale.type(TOKEN)
    for args in (
        ["login", "http://whale.example"],
        ["login", "https://user:secret@whale.example"],
        ["--context", "x", "login", "https://whale.example"],
        ["login", "--name", "-x y", "https://whale.example"],
    ):
        status, _, err = whale(*args)
        assert status == 125
        assert "secret" not in err
        assert sys.stdin.tell() == 0


def test_a_link_with_a_fingerprint_says_whom_to_trust(whale: Whale) -> None:
    authority = create_authority(whale.folder)
    with scripted(accept, context=served_by(authority, whale.folder)) as server:
        whale.type(f"{TOKEN}\n")
        assert whale("login", f"{server.url}#sha256={authority.fingerprint}").status == 0
        [profile] = saved(whale)["profiles"].values()  # type: ignore[attr-defined]
        assert profile == {"url": server.url, "token": TOKEN, "pinned": authority.pem.decode()}
        assert whale("version").status == 0


def test_another_fingerprint_ends_it_before_the_token_is_read(whale: Whale) -> None:
    with scripted(silent, context=served_by(create_authority(whale.folder), whale.folder)) as server:
        whale.type(f"{TOKEN}\n")
        status, out, err = whale("login", f"{server.url}#sha256={'0f' * 32}")
        assert (status, out) == (125, "")
        assert "no certificate with the fingerprint" in err
        assert sys.stdin.readline() == f"{TOKEN}\n"
    assert not (whale.folder / "conf").exists()


def test_a_link_and_a_file_are_one_too_many(whale: Whale) -> None:
    status, _, err = whale("login", "--ca-file", "x.pem", f"https://127.0.0.1:1#sha256={'0f' * 32}")
    assert (status, "leave --ca-file out" in err) == (125, True)


def test_a_link_logs_in_without_a_question(whale: Whale) -> None:
    def answer(peer: Peer) -> None:
        request = peer.receive_request()
        assert (request.path, request.headers["Authorization"]) == ("/1.0/login/enrol", "Bearer whale_code")
        peer.answer(200, json.dumps(GRANTED).encode())

    with scripted(answer) as server:
        status, out, err = whale("login", "--name", "lab", f"{server.url}#whale_code")
    assert (status, out) == (0, "")
    assert "as alice" in err
    assert "whale_" not in err
    profiles = saved(whale)["profiles"]
    assert isinstance(profiles, dict)
    assert profiles["lab"]["token"] == "whale_access"
    assert profiles["lab"]["refresh_token"] == "whale_refresh"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_link_need_not_be_an_argument(whale: Whale, monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    def enrol(peer: Peer) -> None:
        assert peer.receive_request().headers["Authorization"] == "Bearer whale_code"
        peer.answer(200, json.dumps(GRANTED).encode())

    with scripted(enrol) as server:
        link, asked = f"{server.url}#whale_code", list[str]()
        whale.type("" if is_terminal else f"{link}\n")
        if is_terminal:
            monkeypatch.setattr(getpass, "getpass", lambda question: asked.append(question) or link)  # type: ignore[func-returns-value]
            monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        status, out, err = whale("login", "--name", "lab", "-")
        assert (status, out, asked) == (0, "", ["Link: "] * is_terminal)
        assert "as alice" in err
        assert "whale_code" not in err
    assert saved(whale)["current"] == "lab"
    whale.type("\n")
    assert "no link was given" in whale("login", "-").err
    assert "can't both be read" in whale("login", "--token-stdin", "-").err


def test_a_browser_logs_in_where_the_server_has_a_provider(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "https://whale.example/login"
    begun = {"device_code": "device", "user_code": "BCDF-GHJK", "verification_uri": page}
    begun |= {"verification_uri_complete": f"{page}?code=BCDF-GHJK"}

    def answer(peer: Peer) -> None:
        request = peer.receive_request()
        body = GRANTED if request.path.endswith("/token") else begun | {"interval": 0, "expires_in": 60}
        peer.answer(200, json.dumps(body).encode())

    whale.type("")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with scripted(answer) as server:
        status, _, err = whale("login", "--no-browser", server.url)
        assert status == 0
        assert f"{page} in a browser" in err
        assert "BCDF-GHJK" in err
        monkeypatch.setattr("whale.client.device.open_browser", lambda page, environ: True)
        status, _, err = whale("login", server.url)
        assert status == 0
        assert "your browser asks" in err


def test_a_job_logs_in_by_its_own_token(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"name": "deploy", "access_token": TOKEN, "expires_in": 900}
    asked: list[str] = []

    def exchange(peer: Peer) -> None:
        request = peer.receive_request()
        asked.append(f"{request.path} {request.headers['Authorization']}")
        peer.answer(200, json.dumps(answer).encode())

    monkeypatch.setenv("WHALE_ID_TOKEN", "of.the.environment")
    file = whale.folder / "token"
    file.write_text("of.the.file")
    with scripted(exchange) as server:
        for more in ([], ["--id-token-file", str(file)]):
            status, out, err = whale("login", "--federated", *more, "--name", "ci", server.url)
            assert (status, out) == (0, "")
            assert f"{server.url}, as deploy, as context ci" in err
            assert saved(whale)["profiles"] == {"ci": {"url": server.url, "token": TOKEN}}
    assert asked == [
        "/1.0/login/exchange Bearer of.the.environment",
        "/1.0/login/exchange Bearer of.the.file",
    ]


def test_ways_to_log_in_are_not_mixed(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_ID_TOKEN", "a.b.c")
    for args in (
        ["--id-token-file", "x", "https://whale.example"],
        ["--federated", "--token-stdin", "https://whale.example"],
        ["--federated", "https://whale.example#whale_code"],
        ["--federated", "http://whale.example"],
    ):
        assert whale("login", *args).status == 125
    monkeypatch.delenv("WHALE_ID_TOKEN")
    assert "WHALE_ID_TOKEN" in whale("login", "--federated", "https://whale.example").err
    assert not (whale.folder / "conf").exists()
