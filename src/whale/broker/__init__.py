"""The one use-case layer behind all doors: authenticate, decide, find, create, attach.

The broker never sees a frame or an HTTP request. Only the broker creates sessions.
"""
