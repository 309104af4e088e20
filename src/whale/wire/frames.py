"""Frames: one byte of channel, then the payload (PROTOCOL.md section 3).

A frame is exactly one binary WebSocket message, so nothing here finds boundaries.
"""

from enum import IntEnum

SUBPROTOCOL = "whale.v1"
"""The WebSocket subprotocol both ends must agree on (PROTOCOL.md section 2)."""


class Channel(IntEnum):
    """Channel numbers. 0–4 and 255 mean what they mean in Kubernetes' v5.channel.k8s.io."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    STATUS = 3
    RESIZE = 4
    CONTROL = 5
    SCREEN = 6
    HALF_CLOSE = 255


PREFIXES: dict[int, bytes] = {channel: bytes([channel]) for channel in Channel}


def encode_frame(channel: Channel, payload: bytes) -> bytes:
    """Put a payload behind its channel byte."""
    return PREFIXES[channel] + payload


HALF_CLOSE_STDIN = encode_frame(Channel.HALF_CLOSE, bytes([Channel.STDIN]))
"""The whole half-close message: no more input comes, output goes on (PROTOCOL.md section 5.3)."""
