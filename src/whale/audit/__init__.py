"""The audit trail: what was asked and what became of it, linked event by event, and where it is sent.

Never holds a byte of a session's streams. Reads and writes no database: `store.audit` does.
"""
