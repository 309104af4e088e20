import pytest

from whale.model.errors import ConfigError
from whale.server.config_store import StoreSection


@pytest.mark.parametrize(
    ("section", "path"),
    [
        (StoreSection(url="postgresql://whale:hunter2@db.example/whale"), "url"),
        (StoreSection(url="hunter2"), "url"),
        (StoreSection(password_file="/hunter2"), "password_file"),
    ],
)
def test_a_store_that_can_not_be(section: StoreSection, path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        section.check()
    assert refused.value.path == path
    assert "hunter2" not in str(refused.value) + refused.value.hint


def test_sqlite_and_postgresql() -> None:
    StoreSection().check()
    StoreSection(url="postgresql://whale@db.example/whale", password_file="/p").check()
