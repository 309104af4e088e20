"""Settings for servers in the tests' own process."""

from pathlib import Path

from whale.server.config_engine import EngineSection
from whale.server.config_model import Config, LogSection
from whale.server.config_sessions import SessionsSection, ShutdownSection


def config_for(state_dir: Path, **changes: object) -> Config:
    values: dict[str, object] = {
        "listen": "127.0.0.1:0",
        "state_dir": str(state_dir),
        "engine": EngineSection(url="fake://web", name="local"),
        "sessions": SessionsSection(outlive_server=False),
        "shutdown": ShutdownSection(grace=0.2),
        "log": LogSection(level="warning"),
    }
    return Config(**(values | changes))  # type: ignore[arg-type]
