"""Where the scripts keep things: all of it under the project, except sockets, whose paths must be short."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
IMAGES = CACHE / "images"
ENGINE = CACHE / "engine"
DEMO = ROOT / ".demo"


def runtime_dir(root: Path = ROOT) -> Path:
    """Directory for the sockets of the engine this checkout starts.

    A unix socket's path has at most 107 bytes, and a checkout can lie deeper than that.
    """
    return Path("/run") / f"whale-engine-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"
