"""What a session's terminal shows: an emulator that is fed with the output and says how to paint it anew.

A client that comes back too late for the bytes it missed, or that joins, gets the picture instead. Nothing here knows
a session, and nothing outside knows which library emulates: what it breaks is caught here. The server talks to it
through `screens.py` alone; everything else but the protocol runs in a process of its own.
"""
