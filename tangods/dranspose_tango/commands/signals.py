"""Ctrl-C, SIGTERM and SIGHUP, as a request to end in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130  # the exit status that a shell reports for SIGINT: 128 + 2


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Set the event at the first Ctrl-C, SIGTERM, or SIGHUP of a terminal that is closed; the next one acts as ever."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] is signal.SIG_IGN:  # nohup
        del before[signal.SIGHUP]

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(_number: int, _frame: object) -> None:
        restore()
        # in a thread, because the wait that the signal interrupts may hold the lock that setting the event takes
        threading.Thread(target=stop.set, daemon=True).start()

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        restore()
