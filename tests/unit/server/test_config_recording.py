import msgspec
import pytest

from whale.model.errors import ConfigError
from whale.server.config_recording import RecordingSection


def test_recordings_are_not_encrypted_unless_somebody_says_to_whom() -> None:
    assert RecordingSection().recipients == ()
    assert msgspec.convert({"recipients": ["age1x"]}, RecordingSection).recipients == ("age1x",)


@pytest.mark.parametrize(
    ("section", "path"),
    [(RecordingSection(recipients=("age1x",)), "recipients"), (RecordingSection(keep=float("nan")), "keep")],
)
def test_what_makes_no_sense_is_refused(section: RecordingSection, path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        section.check()
    assert refused.value.path == path
    assert "age1x" not in refused.value.message


def test_expressions_have_names() -> None:
    section = RecordingSection(redact=("employee=E[0-9]{6}", "key=a=b"))
    section.check()
    assert section.expressions == {"employee": "E[0-9]{6}", "key": "a=b"}


@pytest.mark.parametrize("redact", [("E[0-9]{6}",), ("a=x", "a=y"), ("a=(",), (r"a=(x)\1",), ("=x",), ("A b=x",)])
def test_expressions_that_make_no_sense_are_refused(redact: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        RecordingSection(redact=redact).check()
    assert refused.value.path == "redact"


def test_labels_have_days() -> None:
    section = RecordingSection(keep_labels=("incident=3650", "for-ever=0", "half.a.day=0.5"))
    section.check()
    assert section.days == {"incident": 3650.0, "for-ever": 0.0, "half.a.day": 0.5}


@pytest.mark.parametrize("kept", [("incident",), ("a=1", "a=2"), ("A=1",), ("a=-1",), ("a=nan",), ("a=1e9",), ("=1",)])
def test_labels_that_make_no_sense_are_refused(kept: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as refused:
        RecordingSection(keep_labels=kept).check()
    assert refused.value.path == "keep_labels"
