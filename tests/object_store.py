"""A real object store that speaks S3, on loopback: `rclone serve s3` over a directory."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from whale.recording.objects import S3Place

KEY: Final = "AKIAEXAMPLE"
SECRET: Final = "c2VjcmV0LW9mLXRoZS1zdG9yZQ"
BUCKET: Final = "recordings"
_STARTED: Final = re.compile(r"Starting s3 server on \[http://([0-9.]+:[0-9]+)/\]")
_RCLONE: Final = Path(sys.executable).with_name("rclone")


class ObjectServer:
    """Runs in the block; `stop` and `start` as often as wanted, on one port."""

    def __init__(self, directory: Path) -> None:
        self.files = directory / BUCKET
        """What is in the bucket."""
        self.files.mkdir(parents=True)
        self.keys = directory.parent / f"{directory.name}.keys"
        self.keys.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
        self._directory = directory
        self._address = "127.0.0.1:0"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "ObjectServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def place(self) -> S3Place:
        """The bucket, as whale takes it."""
        return S3Place(BUCKET, "whale", self.endpoint, credentials_file=str(self.keys))

    @property
    def endpoint(self) -> str:
        """Where it listens, also while it does not."""
        return f"http://{self._address}"

    @property
    def objects(self) -> list[str]:
        """What is stored below the prefix, in order."""
        below = self.files / "whale"
        return sorted(str(path.relative_to(below)) for path in below.rglob("*") if path.is_file())

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [
            *(str(_RCLONE), "serve", "s3", "--config", os.devnull, "--addr", self._address),
            *("--auth-key", f"{KEY},{SECRET}", str(self._directory)),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = ""
        for line in self._process.stderr:
            said += line
            if found := _STARTED.search(line):
                self._address = found[1]
                return
        raise AssertionError(f"rclone has ended: {said}")

    def stop(self) -> None:
        """End it. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
