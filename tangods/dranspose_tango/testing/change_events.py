"""What a device pushes, for those who wait for it instead of asking again and again."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from typing import Any, Self

import tango

PATIENCE = 30.0  # seconds to wait for what takes one


class ChangeEvents:
    """The change events of an attribute, from the value that it has at first; a context.

    Args:
        proxy: the device.
        attribute: of the device, which must push events of it by itself.
    """

    def __init__(self, proxy: tango.DeviceProxy, attribute: str) -> None:
        self._proxy = proxy
        self._attribute = attribute
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._subscription = self._proxy.subscribe_event(
            self._attribute, tango.EventType.CHANGE_EVENT, self._events.put
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._proxy.unsubscribe_event(self._subscription)

    def wait_for(self, condition: Callable[[Any], bool], timeout: float = PATIENCE) -> Any:
        """Return the first value, of those not seen so far, that fulfils the condition.

        Raises:
            TimeoutError: none did for so many seconds; tells which values there were.
        """
        seen: list[Any] = []
        deadline = time.monotonic() + timeout
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
                if event.err:
                    seen.append(event.errors[0].desc)
                    continue
                seen.append(event.attr_value.value)
                if condition(seen[-1]):
                    return seen[-1]
        raise TimeoutError(f"{self._attribute} of {self._proxy.dev_name()} was but {seen}")


def wait_for(
    proxy: tango.DeviceProxy, attribute: str, condition: Callable[[Any], bool], timeout: float = PATIENCE
) -> Any:
    """Return the first value of an attribute, from now on, that fulfils the condition; raises TimeoutError."""
    with ChangeEvents(proxy, attribute) as events:
        return events.wait_for(condition, timeout)
