"""What sessions, people, tokens and groups may be called."""

MAX_NAME = 64
"""Longest name."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")

_ANYBODYS = _LETTERS | {"@"}


def is_principal_name(text: str) -> bool:
    """True for what can be the name of a person or a token: it goes into logs, listings and audit events."""
    return 0 < len(text) <= MAX_NAME and set(text) <= _ANYBODYS and text[0].isalnum()


def is_name(text: str) -> bool:
    """True for what can be the name of a session."""
    return 0 < len(text) <= MAX_NAME and set(text) <= _LETTERS
