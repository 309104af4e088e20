"""Cedar policies: files become rules, and rules decide who may do what, with a reason and the ids of the policies.

Nothing here knows a session, a token table or a door. What is decided on is what the engine will be given.
"""
