"""The HTTP and WebSocket door.

It knows the web framework and the wire; what anything means it asks the broker. Credentials are taken from the
`Authorization` header and from nowhere else.
"""
