"""What other threads hand to the one that polls: a queue, and a socket that is readable while it holds something."""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxError(Exception):
    """An item cannot be put in; the text says why."""


class Mailbox(Generic[T]):
    """A queue of bounded length and size, which is closed at first.

    Args:
        most_items: that may wait.
        most_bytes: that they may have in all.
    """

    def __init__(self, most_items: int = 2**16, most_bytes: int = 2**28) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._ends: tuple[socket.socket, socket.socket] | None = None

    @property
    def readable(self) -> list[socket.socket]:
        """What to poll for reading; nothing while it is closed."""
        return [] if self._ends is None else [self._ends[0]]

    def open(self) -> None:
        """Take items from now on; it is empty."""
        with self._lock:
            self._items.clear()
            self._bytes = 0
            self._ends = socket.socketpair()

    def close(self) -> None:
        """Take no more items, and forget those that wait."""
        with self._lock:
            for end in self._ends or ():
                end.close()
            self._ends = None
            self._items.clear()

    def put(self, item: T, size: int = 0) -> None:
        """Put an item of so many bytes in, from any thread; raises MailboxError."""
        with self._lock:
            if self._ends is None:
                raise MailboxError("no scan takes it")
            if len(self._items) >= self._most_items or self._bytes + size > self._most_bytes:
                raise MailboxError(f"{len(self._items)} wait already, of {self._bytes} bytes")
            if not self._items:
                self._ends[1].send(b"\0")
            self._items.append((item, size))
            self._bytes += size

    def take(self, limit: int) -> list[T]:
        """Return the next items, at most so many."""
        with self._lock:
            taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
            self._bytes -= sum(size for _, size in taken)
            if taken and not self._items and self._ends is not None:
                self._ends[0].recv(1)
        return [item for item, _ in taken]
