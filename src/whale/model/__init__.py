"""Values and errors every room shares.

Nothing here does I/O or reads a clock. The values are `NamedTuple`s and not dataclasses because the command
line imports this room before it sends its first byte, and importing `dataclasses` alone costs it 14 ms.
"""
