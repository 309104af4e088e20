"""An object store that speaks S3, where finished parts of recordings are kept. The one place that calls its library.

Keys are `ID/NAME`, below the prefix that the settings have. Every call ends within `PATIENCE`, retries included.
"""

import configparser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from whale.model.errors import RecordingError

if TYPE_CHECKING:
    from obstore.store import S3Credential

PATIENCE: Final = 20.0
"""Seconds for one call: a part is 2 MiB, seldom more."""

KEY_LIFE: Final = 300.0
"""Seconds after which a file with keys is read again."""


class S3Place(NamedTuple):
    """Where a bucket is, and who may use it."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    """Empty: Amazon's, of the region."""
    region: str = "us-east-1"
    credentials_file: str = ""
    """In the format of Amazon's tools. Empty: the variables AWS_…, or what the machine is allowed to."""


class ObjectStore:
    """One bucket. All methods raise `RecordingError`: `recording.not_found` for a key that is not there."""

    def __init__(self, place: S3Place) -> None:
        """Connects to nothing yet."""
        # Only who uses it has to load it.
        import obstore
        from obstore.store import S3Store

        self._library = obstore
        self.fetched = 0
        """Bytes that were read."""
        with _translated():
            self._store: S3Store = S3Store(
                place.bucket,
                prefix=place.prefix or None,
                endpoint=place.endpoint or None,
                region=place.region,
                virtual_hosted_style_request=not place.endpoint,
                credential_provider=_keys_of(place.credentials_file) if place.credentials_file else None,
                client_options={
                    "allow_http": place.endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=PATIENCE / 4),
                    "timeout": timedelta(seconds=PATIENCE),
                },
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=PATIENCE)},
            )

    async def put(self, key: str, data: bytes) -> None:
        """Store an object, in the place of any of its key."""
        with _translated():
            await self._library.put_async(self._store, key, data)

    async def sizes(self, prefix: str) -> dict[str, int]:
        """The objects below a prefix, by their keys."""
        found: dict[str, int] = {}
        with _translated():
            async for page in self._library.list(self._store, prefix):
                found |= {each["path"]: each["size"] for each in page}
        return found

    async def delete(self, prefix: str) -> None:
        """Delete all objects below a prefix; none are no error."""
        keys = list(await self.sizes(prefix))
        with _translated():
            if keys:
                await self._library.delete_async(self._store, keys)

    def get(self, key: str, *, limit: int) -> bytes:
        """Read an object, in this thread. What is longer than `limit` is refused."""
        with _translated():
            found = self._library.get(self._store, key)
            if found.meta["size"] > limit:
                raise RecordingError("what is stored is not what was stored", code="recording.damaged", detail=key)
            data = found.bytes().to_bytes()
        self.fetched += len(data)
        return data


def _keys_of(path: str) -> Callable[[], "S3Credential"]:
    def read() -> "S3Credential":
        file = configparser.ConfigParser(interpolation=None)
        try:
            with open(path, encoding="utf-8") as text:
                file.read_file(text)
            keys = file["default"]
            made: S3Credential = {
                "access_key_id": keys["aws_access_key_id"],
                "secret_access_key": keys["aws_secret_access_key"],
                "expires_at": datetime.now(UTC) + timedelta(seconds=KEY_LIFE),
            }
            if token := keys.get("aws_session_token"):
                made["token"] = token
        except (OSError, KeyError, UnicodeDecodeError, configparser.Error) as error:
            # The error of the library has no text of the file in it, which may be a key.
            raise RecordingError("the file with the keys of the object store can't be used", detail=path) from error
        return made

    return read


@contextmanager
def _translated() -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError as error:
        message = "this is not in the object store, or its bucket is not there"
        raise RecordingError(message, code="recording.not_found", detail=_first_line(error)) from error
    except (BaseError, OSError, TimeoutError, ValueError) as error:
        message = "the object store of recordings can't be used at the moment"
        raise RecordingError(message, detail=_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
