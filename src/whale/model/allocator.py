"""The C library's memory allocator: have it keep what bulk data needs again a moment later.

Blocks of 64 KiB and more are what one read and one message are. By default glibc gives such a block back to the
system as soon as it is free, and the next one is mapped and cleared again, page by page: a fifth of the time of a
dump that goes through.
"""

from whale.model.limits import MIB

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
KEPT = 8 * MIB
"""Free memory at the end of the heap that the process keeps."""


def keep_freed_blocks() -> None:
    """Keep up to `KEPT` bytes of freed memory in this process. Does nothing where the C library is not glibc."""
    import ctypes  # 3 ms that a command without bulk data saves

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT)
        mallopt(_M_MMAP_THRESHOLD, MIB)
