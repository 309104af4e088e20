import msgspec
import pytest

from tests.unit.server.settings import config_for
from whale.model.errors import ConfigError
from whale.recording.objects import S3Place
from whale.server.config_recording import RecordingSection
from whale.server.config_s3 import S3Section


def test_a_bucket_is_enough() -> None:
    assert not RecordingSection().s3.bucket
    section = msgspec.convert({"s3": {"bucket": "recordings"}}, RecordingSection)
    section.check()
    assert section.s3.place == S3Place("recordings")


@pytest.mark.parametrize(
    "endpoint", ["https://s3.example", "https://s3.example:9000/", "http://127.0.0.1:9000", "http://localhost:1"]
)
def test_endpoints(endpoint: str) -> None:
    S3Section(bucket="one", endpoint=endpoint, prefix="team/recordings").check()


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"endpoint": "https://s3.example"}, "endpoint"),
        ({"prefix": "a"}, "prefix"),
        ({"credentials_file": "/keys"}, "credentials_file"),
        ({"bucket": "Upper"}, "bucket"),
        ({"bucket": "a/b"}, "bucket"),
        ({"bucket": "one", "region": "Frankfurt am Main"}, "region"),
        *(({"bucket": "one", "prefix": prefix}, "prefix") for prefix in ("/a", "a/", "a//b", "..", "a/../b", "a b")),
        *(
            ({"bucket": "one", "endpoint": endpoint}, "endpoint")
            for endpoint in (
                *("s3.example", "ftp://s3.example", "https://", "https://u:p@s3.example", "https://s3.example/path"),
                *("https://s3.example?x", "https://s3.example:0", "https://[", "http://s3.example", "http://10.0.0.1"),
            )
        ),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, str], path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        RecordingSection(s3=S3Section(**given)).check()  # type: ignore[arg-type]
    assert refused.value.path == f"s3.{path}"
    assert "u:p" not in refused.value.message


def test_the_whole_path_is_said(tmp_path: object) -> None:
    config = config_for(tmp_path, recording=RecordingSection(s3=S3Section(prefix="a")))  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as refused:
        config.check()
    assert refused.value.path == "recording.s3.prefix"
