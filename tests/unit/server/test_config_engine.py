import pytest

from whale.model.errors import ConfigError
from whale.server.config_engine import EngineSection


@pytest.mark.parametrize(
    "url",
    ["unix:///var/run/docker.sock", "tcp://10.0.0.1:2375", "tcp://[::1]:2376", "http://h:1", "https://h", "fake://"],
)
def test_addresses_of_engines(url: str) -> None:
    EngineSection(url=url).check()


@pytest.mark.parametrize(
    "url",
    ["/var/run/docker.sock", "unix://run/docker.sock", "unix://", "ssh://host", "tcp://", "tcp://:1", "tcp://h:x",
     "tcp://h:99999", "tcp://h:0", "tcp://u:p@h:1", "tcp://u@h:1", "npipe:////./pipe/docker", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address_of_an_engine(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        EngineSection(url=url).check()
    assert refused.value.path == "url"
    assert refused.value.hint


@pytest.mark.parametrize(
    ("section", "path"),
    [
        (EngineSection(url="tcp://h:1", tls_cert="c"), "tls_key"),
        (EngineSection(url="tcp://h:1", tls_key="k"), "tls_cert"),
        (EngineSection(tls_ca="c"), "tls_ca"),
        (EngineSection(url="unix:///s", tls_cert="c", tls_key="k"), "tls_cert"),
        (EngineSection(name=""), "name"),
        (EngineSection(name="a b"), "name"),
        (EngineSection(name="a\x1b[2J"), "name"),
    ],
)
def test_what_does_not_fit_together(section: EngineSection, path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        section.check()
    assert refused.value.path == path


def test_certificates_for_an_engine_elsewhere() -> None:
    EngineSection(url="tcp://h:2376", tls_ca="ca", tls_cert="c", tls_key="k").check()
