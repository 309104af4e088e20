"""Recordings: what happened in a session, in an open format. docs/recording-format.md describes it.

Knows nothing of sessions: it is handed events and hands them back.
"""
