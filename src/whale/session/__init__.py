"""Sessions: one exec each, its numbered output, and who is attached to it.

Nothing here knows a protocol, a principal's rights or a database. Only the broker makes sessions.
"""
