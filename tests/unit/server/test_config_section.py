import msgspec
import pytest

from whale.server.config_section import Section, about


def test_a_setting_is_described() -> None:
    meta = about("What it is.", flag="--x", kind="file", sensitive=True, ge=1, le=2)
    assert (meta.description, meta.ge, meta.le) == ("What it is.", 1, 2)
    assert meta.extra == {"flag": "--x", "kind": "file", "sensitive": True}


def test_a_section_knows_its_settings() -> None:
    Section().check()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"other": 1}, Section)
