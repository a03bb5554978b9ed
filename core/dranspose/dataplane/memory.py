"""How this process gets the memory for frames: what was freed is used again.

By default malloc gives large blocks back to the system when they are freed, and the fresh pages of the next ones cost
several times as much as to copy a frame of some megabytes into them.
"""

import ctypes

# the parameters of mallopt(3)
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8

LARGEST_THRESHOLD = 32 * 1024 * 1024  # bytes that malloc accepts; larger blocks come from the system
NEVER = 2**31 - 1


def reuse_freed_memory() -> None:
    """Keep what is freed, for all threads; does nothing where there is no glibc.

    For the beginning of a process: glibc has one arena for all only if no second thread has asked for memory yet.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, NEVER)
