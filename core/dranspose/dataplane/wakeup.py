"""A wake-up for a node's loop: something to poll, which other threads make readable."""

from __future__ import annotations

import contextlib
import os


class Wakeup:
    """An eventfd, for `zmq.Poller`."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """Return the file descriptor to poll."""
        return self._fd

    def wake(self) -> None:
        """Make it readable; from any thread, and harmless after `close`."""
        with contextlib.suppress(OSError, ValueError):  # which it raises for -1
            os.eventfd_write(self._fd, 1)

    def clear(self) -> None:
        """Make it unreadable again."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)
        self._fd = -1
