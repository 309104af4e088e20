"""Which server this is, for as long as there is its state directory: what it starts in containers is marked with it."""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from whale.model.errors import ConfigError
from whale.store.failures import not_writable

FILE_NAME: Final = "server.id"

_ID = re.compile(r"[0-9a-f]{32}")


def server_id(state_dir: Path) -> str:
    """Read the server's id, or make one up. Call it while holding the state directory.

    Raises `WhaleError` when the directory can't be written, and `ConfigError` for a file that holds no id.
    """
    file = state_dir / FILE_NAME
    try:
        with suppress(FileExistsError):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="ascii") as made:
                made.write(secrets.token_hex(16) + "\n")
        text = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise not_writable(str(error)) from error
    if not _ID.fullmatch(text):
        raise ConfigError(
            f"state_dir: {FILE_NAME} in it holds no id",
            path="state_dir",
            hint=f"remove {FILE_NAME}; what an earlier server left running in containers is then not found any more",
        )
    return text
