"""Python's logging in a device: its records go to the device's Tango logger, and errors are remembered."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING

from dranspose_tango.text import latin

if TYPE_CHECKING:
    import tango

REMEMBERED_ERRORS = 100
REMEMBERED_LINES = 200
TIME = "%Y-%m-%d %H:%M:%S"
QUEUED_RECORDS = 10_000

_claimed: set[int] = set()
"""The threads whose records belong to one device."""


class DeviceLog(logging.Handler):
    """Takes the records of a device's threads, and of all threads that are no device's.

    What is logged waits until `forward` is called: a target of Tango's logger may be another device, and only a thread
    that Tango knows can speak to one.

    Attributes:
        errors: the latest errors with their tracebacks, the newest last.
        lines: the latest records of level INFO and above with time and level, the newest last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._line = logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", TIME)
        self.errors: deque[str] = deque(maxlen=REMEMBERED_ERRORS)
        self.lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._mine: set[int] = set()
        self._waiting: queue.Queue[tuple[int, str]] = queue.Queue(QUEUED_RECORDS)

    def claim(self) -> None:
        """Let the calling thread's records be those of this device alone."""
        self._mine.add(threading.get_ident())
        _claimed.add(threading.get_ident())

    def disclaim(self) -> None:
        """Undo `claim`, as the thread ends."""
        self._mine.discard(threading.get_ident())
        _claimed.discard(threading.get_ident())

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is of this device."""
        return record.thread in self._mine or record.thread not in _claimed

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record until `forward`; of very many that wait, the newest are lost."""
        text = latin(self.format(record))
        if record.levelno >= logging.ERROR:
            self.errors.append(text)
        if record.levelno >= logging.INFO:
            self.lines.append(latin(self._line.format(record)))
        if not self._waiting.full():
            self._waiting.put((record.levelno, text))

    def forward(self, target: tango.Logger) -> None:
        """Give what waits to the device's Tango logger."""
        while not self._waiting.empty():
            level, text = self._waiting.get()
            if level >= logging.CRITICAL:
                target.fatal(text)
            elif level >= logging.ERROR:
                target.error(text)
            elif level >= logging.WARNING:
                target.warn(text)
            elif level >= logging.INFO:
                target.info(text)
            else:
                target.debug(text)
