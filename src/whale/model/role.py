"""What a client may do in a session that it is attached to."""

from enum import StrEnum


class Role(StrEnum):
    """A controller types and sets the size; a viewer only looks, and delays nobody."""

    CONTROLLER = "controller"
    VIEWER = "viewer"
