"""Where the request comes from that is being dealt with. Doors set it; the audit trail reads it."""

from contextvars import ContextVar
from typing import Final

SOURCE: Final[ContextVar[str]] = ContextVar("source", default="")
"""An address as the door sees it; empty where nobody asks. Tasks inherit it from who starts them."""
