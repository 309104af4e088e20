"""A part of the tree of settings, how a setting is described, and what several parts check."""

import math
from typing import Literal

import msgspec

from whale.model.errors import ConfigError


def about(
    text: str,
    *,
    flag: str = "",
    kind: Literal["", "file", "path", "directory", "tables"] = "",
    sensitive: bool = False,
    ge: float | None = None,
    le: float | None = None,
) -> msgspec.Meta:
    """Describe a setting: for the loader, for `whale-server config check`, and for the documents."""
    return msgspec.Meta(description=text, ge=ge, le=le, extra={"flag": flag, "kind": kind, "sensitive": sensitive})


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the tree that checks itself."""

    def check(self) -> None:
        """Raise `ConfigError` whose `path` is relative to this section."""


def check_pair(cert: str, key: str, cert_path: str, key_path: str) -> None:
    """Raise `ConfigError` when only one of a certificate and its key is given."""
    if bool(cert) != bool(key):
        missing, given = (key_path, cert_path) if cert else (cert_path, key_path)
        raise ConfigError(f"is missing: {given} alone is of no use", path=missing)


def check_finite(number: float, path: str) -> None:
    """Raise `ConfigError` for what is no number of seconds."""
    if not math.isfinite(number):
        raise ConfigError("must be a number of seconds", path=path)
