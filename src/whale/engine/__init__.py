"""The seam to container engines, and its adapters.

An adapter translates its library's exceptions to `whale.model.errors`, once and here. It never sees a
principal, a frame or a session: a door may only reach it through the broker.
"""
