"""The whale protocol without I/O: bytes in, events out; commands in, bytes out.

No socket, no clock and no `await` in this room. Both ends of PROTOCOL.md are here, so that one test can let them
talk to each other. Receiving never raises: what breaks the rules comes out as a `Violated` event.
"""
