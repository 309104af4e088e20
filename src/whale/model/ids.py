"""Identifiers: types of their own, so that a session can't be handed where a container is wanted."""

import os
from typing import NewType

SessionId = NewType("SessionId", str)
ContainerId = NewType("ContainerId", str)
TokenId = NewType("TokenId", str)


def new_session_id() -> SessionId:
    """Make an unguessable session id: 128 bits, 32 hexadecimal digits."""
    return SessionId(os.urandom(16).hex())
