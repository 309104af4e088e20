"""The error tree: every class has a code of the table, and the operator's detail stays with the operator."""

import pytest

from whale.model import errors
from whale.model.errors import ConfigError, EngineError, EngineUnavailable, ProtocolError, WhaleError
from whale.model.outcomes import OUTCOMES

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, WhaleError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_a_code_that_the_table_knows(kind: type[WhaleError]) -> None:
    error = kind("it failed")
    assert error.code == kind.default_code
    assert error.code in OUTCOMES
    assert error.code == "internal" or kind is not WhaleError


def test_no_two_classes_share_a_default_code() -> None:
    codes = [kind.default_code for kind in CLASSES]
    assert len(set(codes)) == len(codes) >= 12


def test_a_code_can_be_narrower_than_the_class() -> None:
    assert ProtocolError("too much", code="protocol.flow").code == "protocol.flow"


def test_the_detail_is_for_the_operator_alone() -> None:
    error = WhaleError("it failed", hint="try again", detail="/var/lib/secret")
    assert (error.message, error.hint) == ("it failed", "try again")
    assert str(error) == "internal: it failed [/var/lib/secret]"
    assert str(WhaleError("it failed")) == "internal: it failed"
    assert "secret" not in error.message + error.hint + "".join(map(str, error.args))


def test_a_setting_is_named() -> None:
    error = ConfigError("not a number", path="server.port", code="config.invalid", hint="use digits", detail="x")
    assert (error.path, error.code, error.hint, error.detail) == ("server.port", "config.invalid", "use digits", "x")


def test_an_engine_that_is_away_is_an_engine_error_too() -> None:
    assert issubclass(EngineUnavailable, EngineError)
    assert EngineUnavailable("away").code == "engine.unavailable"
