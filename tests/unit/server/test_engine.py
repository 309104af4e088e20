"""Which engine a server uses."""

from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.model.errors import ConfigError
from whale.server import engine
from whale.server.config_engine import EngineSection


def test_takes_the_engine_that_was_named(tmp_path: Path) -> None:
    found = engine.choose_engine(config_for(tmp_path), {"DOCKER_HOST": "unix:///other.sock"}, tmp_path)
    assert (found.url, found.origin, found.tls) == ("fake://web", "engine.url", None)


def test_takes_the_certificates_that_were_named(tmp_path: Path) -> None:
    section = EngineSection(url="tcp://engine:2376", tls_ca="/ca", tls_cert="/cert", tls_key="/key")
    found = engine.choose_engine(config_for(tmp_path, engine=section), {}, tmp_path)
    assert found.tls == (Path("/ca"), Path("/cert"), Path("/key"), True)


def test_finds_the_engine_that_docker_would(tmp_path: Path) -> None:
    config = config_for(tmp_path, engine=EngineSection())
    found = engine.choose_engine(config, {"DOCKER_HOST": "unix:///other.sock"}, tmp_path)
    assert (found.url, found.origin) == ("unix:///other.sock", "DOCKER_HOST")


def test_says_what_to_do_without_any_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_engines", lambda _environ, _home: [])
    with pytest.raises(ConfigError) as failed:
        engine.choose_engine(config_for(tmp_path, engine=EngineSection()), {}, tmp_path)
    assert "--engine" in failed.value.hint


async def test_opens_and_closes_it(tmp_path: Path) -> None:
    async with engine.opened_engine(config_for(tmp_path), server="1" * 32) as opened:
        assert (await opened.info()).kind == "fake"
