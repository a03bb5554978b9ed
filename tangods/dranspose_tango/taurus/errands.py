"""What the panel asks devices for, in a thread of its own, so that the window never waits for them."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TypeAlias

import tango
from tango.utils import PyTangoThread

from dranspose_tango.tango_errors import explain

Errand: TypeAlias = Callable[[], str]
"""Does something, and returns in words what it did; what it raises is told."""


class Errands(PyTangoThread):
    """Does one after the other.

    Args:
        done: is called with what was done, or with why not and True, in this thread.
    """

    def __init__(self, done: Callable[[str, bool], None]) -> None:
        super().__init__(name="errands", daemon=True)
        self._waiting: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._done = done

    def add(self, errand: Errand) -> None:
        """Have something done."""
        self._waiting.put(errand)

    def run(self) -> None:
        """Do what there is to do until `close`."""
        while (errand := self._waiting.get()) is not None:
            try:
                self._done(errand(), False)
            except tango.DevFailed as error:
                self._done(explain(error), True)
            except Exception as error:  # noqa: BLE001 - such as PyTango's TypeError for an attribute that has just gone
                self._done(str(error), True)

    def close(self) -> None:
        """End the thread, when all is done."""
        self._waiting.put(None)
        self.join()
