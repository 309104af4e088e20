"""How long a session waits when nobody controls it."""

from typing import NamedTuple

from whale.model.limits import KEEP, KEEP_TERMINAL


class Keep(NamedTuple):
    """Seconds to wait for a client whose connection broke, or for anybody when one has detached."""

    pipe: float = KEEP
    terminal: float = KEEP_TERMINAL
