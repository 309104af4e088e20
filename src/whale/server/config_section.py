"""A part of the tree of settings, and how a setting is described."""

from typing import Literal

import msgspec


def about(
    text: str,
    *,
    flag: str = "",
    kind: Literal["", "file", "path", "directory"] = "",
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
