import msgspec
import pytest

from whale.model.errors import ConfigError
from whale.server.config_section import Section, about, check_finite, check_pair


def test_a_setting_is_described() -> None:
    meta = about("What it is.", flag="--x", kind="file", sensitive=True, ge=1, le=2)
    assert (meta.description, meta.ge, meta.le) == ("What it is.", 1, 2)
    assert meta.extra == {"flag": "--x", "kind": "file", "sensitive": True}


def test_a_section_knows_its_settings() -> None:
    Section().check()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"other": 1}, Section)


def test_a_certificate_and_its_key_come_together() -> None:
    check_pair("", "", "cert", "key")
    check_pair("c", "k", "cert", "key")
    for given, missing in ((("c", ""), "key"), (("", "k"), "cert")):
        with pytest.raises(ConfigError) as refused:
            check_pair(*given, "cert", "key")
        assert refused.value.path == missing


def test_seconds_are_finite() -> None:
    check_finite(1.5, "x")
    for number in (float("nan"), float("inf")):
        with pytest.raises(ConfigError) as refused:
            check_finite(number, "x")
        assert refused.value.path == "x"
