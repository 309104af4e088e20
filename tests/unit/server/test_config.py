"""Loading settings: which source wins, what is refused, and what a message may say."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.engine.seam import EndPolicy
from whale.model.errors import ConfigError
from whale.server.config import CONFIG_VARIABLE, ListenAddress, load_config, settings

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "config.md"

SECRET = "hunter2-do-not-print"


def failed(
    flags: dict[str, object] | None = None, *, file: Path | None = None, environ: dict[str, str] | None = None
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(flags, config_file=str(file) if file else None, environ=environ or {})
    assert caught.value.code == "config.invalid"
    return caught.value


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "whale.toml"
    file.write_text(text)
    return file


def test_the_defaults_stand_alone() -> None:
    config, origins = load_config(environ={})
    assert config.listen == "127.0.0.1:7433"
    assert config.engine.name == "local"
    assert config.shutdown.grace == 10.0
    assert config.policy.allow_privileged is False
    assert set(origins) == set(settings())
    assert set(origins.values()) == {"default"}


def test_the_later_source_wins(tmp_path: Path) -> None:
    file = written(tmp_path, '[log]\nlevel = "debug"\nformat = "json"\n[engine]\nname = "file"\n')
    config, origins = load_config(
        {"log.level": "error", "log.format": None},
        config_file=str(file),
        environ={"WHALE_SERVER_LOG_LEVEL": "warning", "WHALE_SERVER_ENGINE_NAME": "environment"},
    )
    assert (config.log.level, config.log.format, config.engine.name) == ("error", "json", "environment")
    assert origins["log.level"] == "flag --log-level"
    assert origins["log.format"] == f"file {file}"
    assert origins["engine.name"] == "environment WHALE_SERVER_ENGINE_NAME"
    assert origins["listen"] == "default"


def test_every_setting_can_come_from_the_file(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    file = written(
        tmp_path,
        """
        listen = "0.0.0.0:1234"
        state_dir = "state"
        public_url = "https://whale.example"
        origins = ["https://a.example", "http://b.example:81"]
        trusted_proxies = ["192.0.2.0/24"]
        forwarded_header = "forwarded"
        [engine]
        url = "tcp://10.0.0.1:2376"
        name = "far"
        tls_ca = "ca.pem"
        tls_cert = "cert.pem"
        tls_key = "key.pem"
        [tls]
        cert = "cert.pem"
        key = "key.pem"
        behind_proxy = true
        own_ca = false
        names = ["whale.test"]
        [policy]
        dir = "policies"
        allow_privileged = false
        sessions = "own"
        audit = false
        [approvals]
        wait = 60
        time = 120
        [limits]
        max_sessions = 5
        max_principal_sessions = 4
        auth_failures = 3
        auth_lockout = 2.5
        unauthenticated = 20
        unauthenticated_per_address = 10
        [audit]
        on_failure = "alarm"
        file = "audit.jsonl"
        syslog = "unix:///dev/log"
        url = "https://logs.example/whale"
        url_token = "key.pem"
        spool = 5
        keep = 90
        [recording]
        recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
        redact = ["employee=E[0-9]{6}"]
        redact_env = ["DB_PASSWORD"]
        keep_labels = ["incident=3650"]
        keep = 90
        max_bytes = 1_000_000
        [recording.s3]
        bucket = "recordings"
        prefix = "whale"
        endpoint = "https://s3.example:9000"
        region = "eu-central-1"
        credentials_file = "key.pem"
        local_bytes = 5
        [store]
        url = "postgresql://whale@db.example/whale"
        password_file = "key.pem"
        [sessions]
        keep = 60
        keep_terminal = 120
        outlive_server = false
        [shutdown]
        grace = 3
        [end]
        hup = 1
        term = 2.5
        kill = 0
        [log]
        level = "warning"
        format = "json"
        [oidc]
        issuer = "https://id.example"
        client_id = "whale"
        client_secret_file = "key.pem"
        ca_file = "ca.pem"
        scopes = ["groups"]
        name_claim = "name"
        groups_claim = "roles"
        allowed_groups = ["a"]
        [[federation]]
        name = "deploy"
        issuer = "https://ci.example"
        audience = "whale"
        claims = { sub = "repo:acme/app:*" }
        """,
    )
    config, origins = load_config(config_file=str(file), environ={})
    assert set(origins.values()) == {f"file {file}"}
    assert config.origins == ("https://a.example", "http://b.example:81")
    assert config.end_policy == EndPolicy(hup=1, term=2.5, kill=0)
    assert config.policy.dir == str(tmp_path / "policies")
    assert config.address == ListenAddress("0.0.0.0", 1234)
    assert (config.shutdown.grace, config.limits.max_sessions, config.tls.behind_proxy) == (3.0, 5, True)


def test_every_setting_can_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file.pem").touch()
    special = {
        "listen": "[::1]:0",
        "origins": "https://a.example, https://b.example,",
        "trusted_proxies": "192.0.2.0/24, ::1",
        "forwarded_header": "forwarded",
        "engine.url": "tcp://h:1",
        "tls.own_ca": "false",
        "tls.names": "whale.test, 192.0.2.1",
        "policy.allow_privileged": "false",
        "policy.sessions": "own",
        "policy.audit": "false",
        "approvals.time": "60.5",
        "audit.on_failure": "alarm",
        "audit.syslog": "udp://[::1]:514",
        "audit.url": "http://127.0.0.1:9000/",
        "log.level": "debug",
        "log.format": "json",
        "store.url": "postgresql://whale@db.example/whale",
        "recording.recipients": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "recording.redact": "employee=E[0-9]{6}",
        "recording.redact_env": "DB_PASSWORD",
        "recording.keep_labels": "incident=3650",
        "recording.s3.bucket": "recordings",
        "recording.s3.prefix": "whale",
        "recording.s3.endpoint": "https://s3.example",
        "recording.s3.region": "eu-central-1",
        "public_url": "https://whale.example",
        "oidc.issuer": "https://id.example",
        "oidc.scopes": "groups",
        "oidc.allowed_groups": "a,b",
    }
    environ = {}
    in_environment = {path: setting for path, setting in settings().items() if setting.env}
    assert set(settings()) - set(in_environment) == {"federation"}
    for path, setting in in_environment.items():
        by_type = {bool: "true", int: "7", float: "2.5"}.get(type(setting.default), str(tmp_path / "file.pem"))
        environ[setting.env] = special.get(path, by_type)
    environ["WHALE_SERVER_ENGINE_NAME"] = "e"
    config, origins = load_config(environ=environ)
    assert origins.pop("federation") == "default"
    assert origins == {path: f"environment {setting.env}" for path, setting in in_environment.items()}
    assert config.origins == ("https://a.example", "https://b.example")
    assert config.limits.max_sessions == 7
    assert config.tls.behind_proxy is True
    assert config.end.hup == 2.5


def test_the_file_is_named_by_flag_or_environment(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text('listen = "127.0.0.1:1"')
    two.write_text('listen = "127.0.0.1:2"')
    environ = {CONFIG_VARIABLE: str(one)}
    assert load_config(environ=environ)[0].address.port == 1
    assert load_config(config_file=str(two), environ=environ)[0].address.port == 2


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_SERVER_ENGINE_NAME", "here")
    assert load_config()[0].engine.name == "here"


def test_an_empty_variable_is_not_set() -> None:
    config, origins = load_config(environ={"WHALE_SERVER_LISTEN": "", "WHALE_SERVER_TLS_CERT": ""})
    assert config.listen == "127.0.0.1:7433"
    assert origins["listen"] == "default"


def test_variables_of_others_are_no_business_of_ours() -> None:
    load_config(environ={"WHALE_TOKEN": "x", "WHALE_URL": "y", "WHALE_SERVERS": "z", "PATH": "/bin"})


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ('lisen = "x"', "lisen", "listen"),
        ('[enigne]\nurl = "x"', "enigne", "engine"),
        ('[engine]\nurll = "x"', "engine.urll", "engine.url"),
        ('[tls]\ncertificate = "x"', "tls.certificate", "tls.cert"),
        ('tls_cert = "x"', "tls_cert", "tls.cert"),
        ("[log.level]\nx = 1", "log.level", ""),
        ('[origins]\nx = "y"', "origins", ""),
        ('zzzzzz = "x"', "zzzzzz", "config check"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(tmp_path: Path, text: str, path: str, hint: str) -> None:
    error = failed(file=written(tmp_path, text))
    assert error.path == path
    assert error.message.startswith(f"{path}: ")
    assert "whale.toml" in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WHALE_SERVER_LISTN", "WHALE_SERVER_LISTEN"),
        ("WHALE_SERVER_ENGINEURL", "WHALE_SERVER_ENGINE_URL"),
        ("WHALE_SERVER_CONFG", "WHALE_SERVER_CONFIG"),
        ("WHALE_SERVER_", ""),
        ("WHALE_SERVER_listen", "WHALE_SERVER_LISTEN"),
    ],
)
def test_unknown_variables_are_refused_with_the_nearest(name: str, hint: str) -> None:
    error = failed(environ={name: SECRET})
    assert error.message.startswith(f"{name}: ")
    assert hint in error.hint


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30))
def test_any_unknown_variable_is_refused_and_nothing_else_happens(name: str) -> None:
    known = {setting.env for setting in settings().values()} | {CONFIG_VARIABLE}
    variable = f"WHALE_SERVER_{name}"
    if variable not in known:
        error = failed(environ={variable: SECRET})
        assert error.message.isprintable()
        assert SECRET not in str(error) + error.hint


def test_a_section_is_no_value(tmp_path: Path) -> None:
    error = failed(file=written(tmp_path, f'engine = "{SECRET}"'))
    assert error.path == "engine"
    assert "[engine]" in error.hint
    error = failed(file=written(tmp_path, f'[recording]\ns3 = "{SECRET}"'))
    assert error.path == "recording.s3"
    assert "[recording.s3]" in error.hint
    error = failed(file=written(tmp_path, '[recording.s3]\nbuket = "a"'))
    assert (error.path, error.hint) == ("recording.s3.buket", "did you mean recording.s3.bucket?")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("listen = 7433", "listen"),
        ("[limits]\nmax_sessions = 0", "limits.max_sessions"),
        ("[limits]\nmax_sessions = '5'", "limits.max_sessions"),
        ("[limits]\nmax_sessions = 1.5", "limits.max_sessions"),
        ("[shutdown]\ngrace = -1", "shutdown.grace"),
        ("[shutdown]\ngrace = nan", "shutdown.grace"),
        ("[shutdown]\ngrace = inf", "shutdown.grace"),
        ("[end]\nkill = 601", "end.kill"),
        ("[policy]\nallow_privileged = 'true'", "policy.allow_privileged"),
        ("[policy]\nallow_privileged = 1", "policy.allow_privileged"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("origins = 'https://a'", "origins"),
        ("origins = [1]", "origins"),
        ("state_dir = 'a\\u0000b'", "state_dir"),
    ],
)
def test_a_wrong_type_or_number_is_refused_with_its_path(tmp_path: Path, text: str, path: str) -> None:
    error = failed(file=written(tmp_path, text.replace("'", '"')))
    assert error.path == path
    assert error.message.startswith(f"{path}: ")


def test_a_choice_names_its_values() -> None:
    error = failed({"log.format": SECRET})
    assert error.hint == "one of: console, json"


@pytest.mark.parametrize("path", sorted(settings()))
def test_no_message_repeats_a_value(path: str, tmp_path: Path) -> None:
    """A key, token or password given in the wrong place is not printed, whatever is wrong with it."""
    value = f"https://user:{SECRET}@host/\x00{SECRET}"
    setting = settings()[path]
    is_free_text = path == "engine.name"
    errors = [failed({path: value + " "})] if is_free_text else [failed({path: value})]
    if not is_free_text and setting.env:
        errors.append(failed(environ={setting.env: value}))
    for error in errors:
        assert SECRET not in f"{error} {error.hint} {error.message} {error.detail}"


@pytest.mark.parametrize("path", ["tls.key", "engine.tls_key"])
def test_a_key_pasted_for_its_file_is_not_printed(path: str) -> None:
    other = path.replace("key", "cert")
    flags: dict[str, object] = {
        path: f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        other: "/etc/hostname",
        "engine.url": "tcp://h:1",
    }
    error = failed(flags)
    assert error.path == path
    assert "can't be read" in error.message
    assert SECRET not in str(error)


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, elsewhere = tmp_path / "etc", tmp_path / "cwd"
    place.mkdir()
    elsewhere.mkdir()
    (place / "c.pem").touch()
    (elsewhere / "k.pem").touch()
    monkeypatch.chdir(elsewhere)
    file = written(place, 'state_dir = "../var"\n[tls]\ncert = "c.pem"')
    config, _ = load_config({"tls.key": "k.pem"}, config_file=os.path.relpath(file), environ={})
    assert Path(config.state_dir).resolve() == tmp_path / "var"
    assert Path(config.tls.cert).is_absolute()
    assert Path(config.tls.cert).samefile(place / "c.pem")
    assert config.tls.key == str(elsewhere / "k.pem")


def test_a_relative_path_in_the_environment_is_relative_to_the_directory_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config, _ = load_config(environ={"WHALE_SERVER_STATE_DIR": "s"})
    assert config.state_dir == str(tmp_path / "s")


def test_a_file_that_is_not_there_is_said_with_its_name(tmp_path: Path) -> None:
    error = failed({"tls.cert": str(tmp_path / "no.pem"), "tls.key": "/etc/hostname"})
    assert error.path == "tls.cert"
    assert "no.pem" in error.message
    assert "No such file" in error.message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"= 1", b"a = 1\na = 2", b"x" * (1024 * 1024 + 1)])
def test_a_settings_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    error = failed(file=file)
    assert "bad.toml" in error.message
    assert error.path == "--config"


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_settings_file_that_can_not_be_read(tmp_path: Path, name: str) -> None:
    assert "can't be read" in failed(file=tmp_path / name).message


def test_a_check_that_fails_names_its_origin(tmp_path: Path) -> None:
    error = failed(environ={"WHALE_SERVER_LISTEN": "0.0.0.0:7433"})
    assert error.path == "listen"
    assert error.message.endswith("(environment WHALE_SERVER_LISTEN)")
    assert "--tls-cert" in error.hint


def test_the_state_directory_follows_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load_config(environ={"XDG_STATE_HOME": "/x"})[0].state_dir == "/var/lib/whale"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config(environ={"XDG_STATE_HOME": "/x"})[0].state_dir == "/x/whale"
    for environ in ({}, {"XDG_STATE_HOME": "relative"}):
        assert load_config(environ=environ)[0].state_dir == f"{tmp_path}/.local/state/whale"


def test_every_setting_is_in_the_reference() -> None:
    page = REFERENCE.read_text()
    rows = {line.split("|")[1].strip().strip("`"): line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == set(settings())
    for path, setting in settings().items():
        assert not setting.env or f"`{setting.env}`" in rows[path], path
        assert not setting.flag or f"`{setting.flag}`" in rows[path], path
        assert bare(setting.description).split(":")[0].rstrip(".") in bare(rows[path]), path
        assert setting.default in ("", ()) or f"`{as_written(setting.default)}`" in rows[path], path


def as_written(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "`, `".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


def bare(text: str) -> str:
    return text.replace("`", "")
