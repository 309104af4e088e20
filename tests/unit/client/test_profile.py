import json
import os
from pathlib import Path

import pytest

from whale.client import profile as profiles
from whale.client.address import Address
from whale.client.dial import Trust
from whale.client.profile import Profile, Profiles, directory, environment, find_server, load, save
from whale.model.errors import AuthenticationError, ConfigError, UsageError, WhaleError
from whale.model.secret import Secret

SECRET = "whale_very-secret"
HERE = Address("http", "127.0.0.1", 7433)
THERE = Address("https", "whale.example", 443)


def saved(folder: Path, *, current: str = "here") -> dict[str, str]:
    environ = {"WHALE_CONFIG_DIR": str(folder / "conf")}
    here = Profile("here", HERE, Secret(SECRET))
    there = Profile("there", THERE, Secret("whale_other"), ca_file="/ca.pem")
    save(Profiles(current, {"here": here, "there": there}), environ)
    return environ


def find(environ: dict[str, str], *, context: str = "", insecure_http: bool = False) -> Profile:
    return find_server(context=context, insecure_http=insecure_http, environ=environ)


def test_what_was_saved_is_loaded_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    environ = saved(tmp_path)
    path = tmp_path / "conf" / "config.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["config.json"]
    loaded = load(environ)
    assert loaded.current == "here"
    assert loaded.saved["there"] == Profile("there", THERE, Secret("whale_other"), ca_file="/ca.pem")
    assert SECRET not in repr(loaded)


def test_a_pinned_certificate_is_kept_and_alone_is_trusted(tmp_path: Path) -> None:
    environ = {"WHALE_CONFIG_DIR": str(tmp_path)}
    pinned = Profile("there", THERE, Secret(SECRET), ca_file="/ca.pem", pinned="PEM")
    save(Profiles("there", {"there": pinned}), environ)
    loaded = find(environ)
    assert loaded == pinned
    assert loaded.trust == Trust("", "PEM")
    assert find(environ | {"WHALE_URL": THERE.url}).trust == Trust("", "PEM")
    assert find(environ | {"WHALE_URL": THERE.url, "WHALE_CA_FILE": "/mine.pem"}).trust == Trust("/mine.pem", "")
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"PEM"', "1"))
    with pytest.raises(ConfigError, match="damaged"):
        load(environ)


def test_no_file_is_no_login(tmp_path: Path) -> None:
    assert load({"HOME": str(tmp_path)}) == Profiles("", {})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    environ = saved(tmp_path)
    path = tmp_path / "conf" / "config.json"
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        load(environ)
    assert "chmod 600" in caught.value.hint
    assert SECRET not in str(caught.value)


def test_a_file_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = saved(tmp_path)
    if os.geteuid() == 0:
        os.chown(tmp_path / "conf" / "config.json", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigError):
        load(environ)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"current": 1, "profiles": {}}',
        b'{"profiles": {}}',
        b'{"current": "", "profiles": {"a": {"url": "https://h", "token": 1}}}',
        b'{"current": "", "profiles": {"a": {"url": "https://h", "token": ""}}}',
        b'{"current": "", "profiles": {"a": {"url": "nonsense", "token": "x"}}}',
        b'{"current": "", "profiles": {"a": {"url": 1, "token": "x"}}}',
        b'{"current": "", "profiles": {"a\\u001b": {"url": "https://h", "token": "x"}}}',
        b" " * (profiles.MAX_FILE + 1),
    ],
)
def test_a_damaged_file_is_said_and_not_guessed_at(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load({"WHALE_CONFIG_DIR": str(tmp_path)})
    assert str(path) in caught.value.message


def test_a_current_that_is_gone_is_none(tmp_path: Path) -> None:
    environ = saved(tmp_path, current="gone")
    assert load(environ).current == ""


def test_an_unreadable_or_unwritable_place_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir(mode=0o700)
    environ = {"WHALE_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(ConfigError):
        load(environ)
    with pytest.raises(ConfigError):
        save(Profiles("", {}), environ)
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"], "nothing half written stays"
    with pytest.raises(ConfigError):
        save(Profiles("", {}), {"WHALE_CONFIG_DIR": "/dev/null/x"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WHALE_CONFIG_DIR": "/w", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/w"),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/whale"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/whale"),
        ({"HOME": "/h"}, "/h/.config/whale"),
    ],
)
def test_where_the_file_is(environ: dict[str, str], expected: str) -> None:
    assert directory(environ) == expected


def test_the_order_is_flag_url_variable_current(tmp_path: Path) -> None:
    environ = saved(tmp_path)
    assert find(environ).name == "here"
    assert find({**environ, "WHALE_CONTEXT": "there"}).name == "there"
    url = {**environ, "WHALE_URL": "https://new.example", "WHALE_TOKEN": "whale_env", "WHALE_CONTEXT": "there"}
    assert find(url) == Profile("", Address("https", "new.example", 443), Secret("whale_env"))
    assert find(url, context="there").token == Secret("whale_other")


def test_a_saved_token_goes_only_to_its_own_server(tmp_path: Path) -> None:
    environ = saved(tmp_path)
    assert find({**environ, "WHALE_URL": "http://127.0.0.1:7433"}).token == Secret(SECRET)
    for url in ("http://127.0.0.1:7434", "https://127.0.0.1:7433", "http://127.0.0.2:7433", "http://localhost:7433"):
        with pytest.raises(AuthenticationError) as caught:
            find({**environ, "WHALE_URL": url})
        assert caught.value.code == "auth.missing"


def test_a_token_without_its_server_goes_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="WHALE_TOKEN is set without WHALE_URL"):
        find({**saved(tmp_path), "WHALE_TOKEN": "whale_env"})


def test_the_environment_may_name_certificates(tmp_path: Path) -> None:
    environ = {**saved(tmp_path), "WHALE_URL": "https://whale.example"}
    assert find(environ).ca_file == "/ca.pem"
    assert find({**environ, "WHALE_CA_FILE": "/mine.pem"}).ca_file == "/mine.pem"
    assert find({**environ, "WHALE_CA_FILE": "/mine.pem", "WHALE_TOKEN": "x"}).ca_file == "/mine.pem"


def test_a_token_does_not_travel_in_clear_unless_it_is_said(tmp_path: Path) -> None:
    environ = {"WHALE_URL": "http://whale.example", "WHALE_TOKEN": SECRET, "HOME": str(tmp_path)}
    with pytest.raises(UsageError, match="not encrypted"):
        find(environ)
    assert find(environ, insecure_http=True).address.host == "whale.example"
    said = Profile("lab", Address("http", "lab.example", 80), Secret(SECRET), insecure_http=True)
    place = {"WHALE_CONFIG_DIR": str(tmp_path / "conf")}
    save(Profiles("lab", {"lab": said}), place)
    assert find(place) == said


def test_nobody_logged_in_and_unknown_contexts_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no server is known"):
        find({"HOME": str(tmp_path)})
    with pytest.raises(UsageError) as caught:
        find(saved(tmp_path), context="nowhere")
    assert "here, there" in caught.value.hint


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "tökén", "a\x00"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        profiles.checked_token(token)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "-x", "\x1b", "x" * 65])
def test_a_name_that_can_not_be_typed_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        profiles.checked_name(name)


def test_the_file_is_what_it_says(tmp_path: Path) -> None:
    saved(tmp_path)
    body = json.loads((tmp_path / "conf" / "config.json").read_text())
    assert body["profiles"]["here"] == {"url": "http://127.0.0.1:7433", "token": SECRET}


def test_the_environment_is_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_CONTEXT", "x")
    assert environment()["WHALE_CONTEXT"] == "x"
    assert issubclass(UsageError, WhaleError)
