"""Keeps file descriptors for the next server: a process of its own that does nothing else, or systemd's store.

Never looks at what a descriptor is, and knows no session beyond its id.
"""
