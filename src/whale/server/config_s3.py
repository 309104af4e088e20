"""The settings of the object store that recordings are kept in."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from whale.model.errors import ConfigError
from whale.model.limits import MIB
from whale.model.network import is_loopback
from whale.recording.objects import S3Place
from whale.server.config_section import Section, about

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_FOLDER: Final = re.compile(r"[A-Za-z0-9!_'()*-][A-Za-z0-9!_.'()*-]*")


class S3Section(Section, frozen=True):
    """The object store that recordings are kept in."""

    bucket: Annotated[str, about("Bucket of an S3-compatible store that recordings go to. Empty: none.")] = ""
    prefix: Annotated[str, about("What their keys begin with, without a slash at its end.")] = ""
    endpoint: Annotated[str, about("Address of the store, as https://host[:port]. Empty: Amazon's of the region.")] = ""
    region: Annotated[str, about("Region of the bucket.")] = "us-east-1"
    credentials_file: Annotated[
        str,
        about(
            "File with the keys, in the format of Amazon's tools ([default]); read again every five minutes. Empty: the"
            " variables AWS_ACCESS_KEY_ID and so on, or what the machine is allowed to.",
            kind="file",
            sensitive=True,
        ),
    ] = ""
    local_bytes: Annotated[
        int,
        about(
            "Bytes of files above which those that are in the store, too, are deleted here, the least recently read"
            " first.",
            ge=0,
            le=10**18,
        ),
    ] = 10 * 1024 * MIB

    def check(self) -> None:
        """Check the address, and that nothing is given without a bucket."""
        if not self.bucket:
            for name in ("prefix", "endpoint", "credentials_file"):
                if getattr(self, name):
                    raise ConfigError("is of no use without recording.s3.bucket", path=name)
        if not _REGION.fullmatch(self.region):
            raise ConfigError("can't be a region", path="region", hint="for example eu-central-1")
        if self.bucket and not _BUCKET.fullmatch(self.bucket):
            raise ConfigError("can't be the name of a bucket", path="bucket")
        if self.prefix and not all(_FOLDER.fullmatch(each) for each in self.prefix.split("/")):
            raise ConfigError("must be like recordings or team/recordings", path="prefix")
        if self.endpoint:
            _check_endpoint(self.endpoint)

    @property
    def place(self) -> S3Place:
        """The same as the recording room takes it."""
        return S3Place(self.bucket, self.prefix, self.endpoint, self.region, self.credentials_file)


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, is_one = urlsplit(""), False
    if not is_one or parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ConfigError("is not an address like https://host[:port]", path="endpoint")
    if parts.scheme == "http" and parts.hostname != "localhost" and not is_loopback(parts.hostname or ""):
        raise ConfigError("would send recordings in the clear", path="endpoint", hint="use https://")
