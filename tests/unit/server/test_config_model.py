"""The tree checks itself, without files."""

from pathlib import Path

import pytest

from whale.engine.seam import EndPolicy
from whale.model.errors import ConfigError
from whale.server.config_engine import EngineSection
from whale.server.config_model import (
    Config,
    ListenAddress,
    LogSection,
    PolicySection,
    TlsSection,
    parse_listen,
    settings,
)
from whale.server.config_sessions import EndSection, ShutdownSection
from whale.server.config_store import StoreSection
from whale.store.place import PostgresAddress


def failed(config: Config) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.check()
    return caught.value


def test_the_defaults_are_sound() -> None:
    Config().check()


def test_the_parts_other_rooms_take() -> None:
    config = Config(listen="[::1]:1", end=EndSection(hup=1, term=2, kill=3))
    assert config.address == ListenAddress("::1", 1)
    assert config.end_policy == EndPolicy(hup=1, term=2, kill=3)
    assert Config().end_policy == EndPolicy()


def test_settings_are_known_by_path_flag_and_variable() -> None:
    known = settings()
    assert known["engine.url"].env == "WHALE_SERVER_ENGINE_URL"
    assert known["engine.url"].flag == "--engine"
    assert known["tls.behind_proxy"].flag == "--behind-tls-proxy"
    assert known["log.level"].default == LogSection().level
    assert known["limits.max_sessions"].default == 4000
    assert [path for path, setting in known.items() if setting.sensitive] == [
        "engine.tls_key",
        "tls.key",
        "audit.url_token",
        "recording.s3.credentials_file",
        "store.url",
        "store.password_file",
        "oidc.client_secret_file",
    ]
    assert len({setting.env for setting in known.values()}) == len(known)
    for setting in known.values():
        assert setting.description.endswith(".")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:7433", "127.0.0.1", 7433),
        ("[::1]:0", "::1", 0),
        ("[::]:65535", "::", 65535),
        ("whale.example.com:1", "whale.example.com", 1),
    ],
)
def test_a_listen_address_is_taken_apart(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == ListenAddress(host, port)


@pytest.mark.parametrize(
    "text",
    ["", ":", "7433", ":7433", "host", "host:", "host:x", "host:65536", "host:-1", "host:+1", "host:1_0", "::1:7433",
     "[]:1", "host:٣", "host:000001"],
)  # fmt: skip
def test_what_is_no_listen_address(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_listen(text)
    assert caught.value.path == "listen"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    assert ListenAddress(host, 1).is_loopback is expected


@pytest.mark.parametrize("listen", ["0.0.0.0:7433", "[::]:7433", "192.168.1.5:7433", "example.com:7433"])
def test_beyond_loopback_needs_tls_or_a_proxy(listen: str) -> None:
    error = failed(Config(listen=listen))
    assert error.path == "listen"
    assert "--behind-tls-proxy" in error.hint
    Config(listen=listen, tls=TlsSection(cert="c", key="k")).check()
    Config(listen=listen, tls=TlsSection(behind_proxy=True)).check()


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (Config(tls=TlsSection(cert="c")), "tls.key"),
        (Config(tls=TlsSection(key="k")), "tls.cert"),
        (Config(engine=EngineSection(url="tcp://h:1", tls_cert="c")), "engine.tls_key"),
        (Config(policy=PolicySection(dir="/p", allow_privileged=True)), "policy.allow_privileged"),
        (Config(policy=PolicySection(dir="/p", audit=True)), "policy.audit"),
        (Config(policy=PolicySection(dir="/p", sessions="view")), "policy.sessions"),
        (Config(shutdown=ShutdownSection(grace=float("nan"))), "shutdown.grace"),
    ],
)
def test_a_section_says_which_setting_is_wrong(config: Config, path: str) -> None:
    assert failed(config).path == path


@pytest.mark.parametrize("origin", ["https://a.example", "http://localhost:8080", "https://[::1]:1"])
def test_origins(origin: str) -> None:
    Config(origins=(origin,)).check()


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example", "null", "", "a.example", "https://", "https://a/", "https://a/x", "https://a?b",
     "https://a#b", "ftp://a", "https://u@a", "https://a:x", "https://a:0", "HTTPS://a", "http://[::1",
     "https://A.example", "https://a:443", "http://a:80"],
)  # fmt: skip
def test_what_is_no_origin(origin: str) -> None:
    assert failed(Config(origins=("https://fine.example", origin))).path == "origins"


def test_the_store_is_sqlite_unless_there_is_a_url() -> None:
    assert Config(state_dir="/state").store_place == Path("/state")
    section = StoreSection(url="postgresql://whale@db.example/whale", password_file="/p")
    section.check()
    assert Config(store=section).store_place == PostgresAddress(
        "db.example", 5432, "whale", "whale", "verify-full", password_file="/p"
    )


@pytest.mark.parametrize("network", ["", "web", "192.0.2.1/24", "192.0.2.0/33", "*", "https://192.0.2.1"])
def test_a_proxy_is_an_address_or_a_network(network: str) -> None:
    Config(trusted_proxies=("192.0.2.0/24", "192.0.2.1", "2001:db8::/32")).check()
    assert failed(Config(trusted_proxies=("192.0.2.1", network))).path == "trusted_proxies"


def test_an_own_authority_is_tls_and_needs_no_certificate() -> None:
    Config(listen="0.0.0.0:1", tls=TlsSection(own_ca=True, names=("whale.test",))).check()
    assert failed(Config(tls=TlsSection(own_ca=True, cert="c", key="k"))).path == "tls.own_ca"
    for name in ("", "https://whale.test", "whale.test:7433", "a b", "[::1]"):
        assert failed(Config(tls=TlsSection(names=("whale.test", "::1", name)))).path == "tls.names"
    sections = (TlsSection(own_ca=True), TlsSection(cert="c", key="k"), TlsSection())
    assert [section.is_on for section in sections] == [True, True, False]


def test_no_command_takes_the_state_directory_for_the_database() -> None:
    """What opens the database is given `store_place`: with a URL the directory would be another, empty database."""
    cli = Path(__file__).parents[3] / "src" / "whale" / "cli"
    assert [file.name for file in cli.glob("*.py") if "config.state_dir" in file.read_text()] == ["server_stop.py"]
