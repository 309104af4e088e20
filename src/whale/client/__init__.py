"""The client library: find the server, connect, run a session in this terminal, ask the HTTP interface.

It never imports a framework, and what `exec` and `shell` need before their first message is out imports nothing
that is slow: start-up time is what a one-shot command costs most.
"""
