"""Who asks, and what they may do: credentials become principals, and a policy decides with a reason.

Nothing here does I/O of its own: the token table is a seam that the server fills with the store.
"""
