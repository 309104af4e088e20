"""An `attach` that travels in the handshake (PROTOCOL.md section 12.5): a client that comes back saves a round trip.

RFC 6455 lets a client send no frame before the answer to its handshake, but any header.
"""

import binascii

from whale.model.errors import ProtocolError
from whale.model.limits import KIB
from whale.wire.frames import PREFIXES, Channel

ATTACH_HEADER = "Whale-Attach"
TAKEN = "taken"
"""What a server answers with in a header of the same name. Without it the client sends `attach` as a message."""

MAX_ATTACH_HEADER = 4 * KIB
"""Longest value of the header. Web servers and proxies take 8 KiB for a line, most of them."""

_CONTROL = PREFIXES[Channel.CONTROL]
_URL_SAFE, _PLAIN = b"-_", b"+/"
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def encode_attach_header(message: bytes) -> str:
    """Make the header's value from the message that `encode_attach` made."""
    encoded = binascii.b2a_base64(message[len(_CONTROL) :], newline=False).rstrip(b"=")
    return encoded.translate(bytes.maketrans(_PLAIN, _URL_SAFE)).decode()


def decode_attach_header(value: str) -> bytes:
    """Return the message that the header carries, whatever it says. Raises `ProtocolError` for what carries none."""
    if not 0 < len(value) <= MAX_ATTACH_HEADER or not set(value) <= _ALPHABET:
        raise ProtocolError(f"the header {ATTACH_HEADER} is not base64url, or longer than {MAX_ATTACH_HEADER} bytes")
    padded = value.encode().translate(bytes.maketrans(_URL_SAFE, _PLAIN)) + b"=" * (-len(value) % 4)
    try:
        return _CONTROL + binascii.a2b_base64(padded, strict_mode=True)
    except ValueError as error:
        raise ProtocolError(f"the header {ATTACH_HEADER} is not base64url") from error
