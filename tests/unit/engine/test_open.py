import pytest

from whale.engine.docker.adapter import DockerEngine
from whale.engine.fake import FakeEngine
from whale.engine.open import open_engine
from whale.engine.seam import EndPolicy
from whale.model.errors import ConfigError, EngineUnavailable


async def test_fake() -> None:
    engine = open_engine("fake://one,two", name="here")
    assert isinstance(engine, FakeEngine)
    assert [c.name for c in await engine.containers()] == ["one", "two"]
    assert engine.name == "here"
    await engine.aclose()


async def test_docker_does_no_io_until_asked() -> None:
    engine = open_engine("unix:///nowhere/at/all.sock", name="d")
    assert isinstance(engine, DockerEngine)
    assert engine.name == "d"
    await engine.aclose()


@pytest.mark.parametrize("url", ["", "docker", "ssh://host", "unix://relative", "tcp://", "ftp://host"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_engine(url, name="x")
    assert caught.value.hint


async def test_a_servers_id_is_passed_on() -> None:
    engine = open_engine("unix:///nowhere.sock", name="d", server="me")
    with pytest.raises(EngineUnavailable):
        await engine.end_leftovers([], EndPolicy())
    await engine.aclose()
    with pytest.raises(ValueError, match="server"):
        open_engine("unix:///nowhere.sock", name="d", server="a b")
