"""The timer of a reducer: a thread that calls the user's hook again and again, beside the results that come in."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable

from dranspose.analysis import Parameters, Reducer, UserCodeError

AFTER_FAILED_TIMER = 1.0  # seconds to the next call


class ReducerTimer:
    """Calls ``timer``, from `start` until `stop`, each time after as many seconds as the call before has returned.

    Args:
        reducer: whose hook it is; if it has none, it is never called again.
        parameters: gives those for the next call.
        failed: is told, in the timer's thread, that the hook failed, and returns whether to go on.
    """

    def __init__(
        self, reducer: Reducer, parameters: Callable[[], Parameters], failed: Callable[[UserCodeError], bool]
    ) -> None:
        self._reducer = reducer
        self._parameters = parameters
        self._failed = failed
        self._over = threading.Event()
        # the timer prints as the thread that makes it does: numpy keeps its print options in the context
        run_in_context = contextvars.copy_context().run
        self._thread = threading.Thread(target=run_in_context, args=[self._run], name="reducer timer", daemon=True)

    def start(self) -> None:
        """Make the first call."""
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Make no more calls, and wait for the one in hand, at most so many seconds."""
        self._over.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        seconds: float | None = 0.0
        while seconds is not None and not self._over.wait(min(seconds, threading.TIMEOUT_MAX)):
            try:
                seconds = self._reducer.timer(self._parameters())
            except UserCodeError as error:
                if not self._failed(error):
                    return
                seconds = AFTER_FAILED_TIMER
