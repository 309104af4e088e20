"""Rows of recordings for tests of what is done with them."""

from whale.model.ids import SessionId
from whale.model.recording import RecordMode
from whale.model.recordings import Recording, RecordingState, RecordingStatus, container_then

STARTED = 1_800_000_000_000
FINISHED = RecordingState(RecordingStatus.FINISHED, STARTED + 61_500, 0, 61_500, 4_000, 900, 1, "f" * 64)


def recording(number: int = 1, *, name: str = "web", labels: dict[str, str] | None = None) -> Recording:
    """One of alice's. Its number says which id it has, and how many seconds later than the first one it began."""
    return Recording(
        id=SessionId(f"{number:032x}"),
        started=STARTED + number * 1000,
        principal="alice",
        container=container_then(
            id=f"id-{name}", name=name, image="nginx:1.27", engine="local", labels=labels or {"stage": "live"}
        ),
        command=("psql", "-c", "drop table ü"),
        reason="ticket 42",
        policies=("production", "staff"),
        tty=True,
        mode=RecordMode.ALL,
        state=FINISHED,
    )
