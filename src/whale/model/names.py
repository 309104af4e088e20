"""What a session may be called."""

MAX_NAME = 64
"""Longest name."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def is_name(text: str) -> bool:
    """True for what can be the name of a session."""
    return 0 < len(text) <= MAX_NAME and set(text) <= _LETTERS
