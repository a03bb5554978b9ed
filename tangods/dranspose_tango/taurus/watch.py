"""What the panel knows of an ensemble: looked at in a thread of its own, so that no device can hold up the window."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import tango
from tango.utils import PyTangoThread

from dranspose_tango.observation import ANSWER_TIMEOUT, Observed, Sight, beside, device_name, devices_beside, full_name
from dranspose_tango.remote import Described, Progress, RemoteController, RemoteError
from dranspose_tango.taurus.results import Kind, Result, results

logger = logging.getLogger(__name__)

LOOK_INTERVAL = 0.4  # seconds


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """A line of a device's log, which begins with the time; or an error, with its traceback."""

    text: str
    device: str


@dataclass(frozen=True, slots=True)
class View:
    """An ensemble at one moment.

    Attributes:
        devices: all that are known, the controller first.
        urls: their full names.
        progress: of the scan; None while the controller is away.
        parameters: what the analysis describes.
        settings: the values of those that are not binary.
        reducer: full name of the reducer's device, empty while there is none.
        results: what it publishes.
        values: the present values of those results that are shown as a value.
        errors: the latest, the newest last, of each device.
        log: lines of all devices, in the order of time.
    """

    devices: tuple[Sight, ...] = ()
    urls: tuple[str, ...] = ()
    progress: Progress | None = None
    parameters: tuple[Described, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    reducer: str = ""
    results: tuple[Result, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    errors: tuple[Message, ...] = ()
    log: tuple[Message, ...] = ()


class Watch(PyTangoThread):
    """Looks at an ensemble again and again.

    Args:
        controller: the controller.
        others: full names of devices that are not found from there.
        seen: is called with each view, in this thread.
    """

    def __init__(self, controller: RemoteController, others: Iterable[str], seen: Callable[[View], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self._controller = controller
        self._home = full_name(controller.device)
        self._seen = seen
        self._over = threading.Event()
        self._urls = {device_name(url): url for url in (self._home, *others)}
        self._observed = {name: Observed(url) for name, url in self._urls.items()}
        self._proxies: dict[str, tango.DeviceProxy] = {}

    def run(self) -> None:
        """Look until `close`."""
        while not self._over.is_set():
            try:
                view = self.look()
            except Exception:  # such as PyTango's TypeError for an attribute that has just gone
                logger.exception("the ensemble could not be looked at")
            else:
                if not self._over.is_set():
                    self._seen(view)
            self._over.wait(LOOK_INTERVAL)

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()

    def look(self) -> View:
        """Return how the ensemble is now."""
        controller = self._controller
        try:
            nodes = controller.nodes()
            for url in (*devices_beside(controller.device), *(beside(self._home, node) for node in sorted(nodes))):
                self._know(url)
            sights, progress = self._sights(), controller.progress()
            parameters = tuple(controller.describe())
            settings = _read(controller.device, [each.name for each in parameters if not each.is_binary])
            reducer = controller.device.reducer.lower()
        except (tango.DevFailed, RemoteError):
            return View(self._sights(), tuple(self._urls.values()), log=self._messages()[1])
        published, values = self._published(reducer)
        errors, log = self._messages()
        return View(
            devices=sights,
            urls=tuple(self._urls.values()),
            progress=progress,
            parameters=parameters,
            settings=settings,
            reducer=self._urls.get(reducer, ""),
            results=published,
            values=values,
            errors=errors,
            log=log,
        )

    def _know(self, url: str) -> None:
        name = device_name(url)
        if name not in self._urls:
            self._urls[name] = url
            self._observed[name] = Observed(url)

    def _sights(self) -> tuple[Sight, ...]:
        return tuple(observed.look() for observed in self._observed.values())

    def _proxy(self, name: str) -> tango.DeviceProxy:
        if name not in self._proxies:
            proxy = tango.DeviceProxy(self._urls[name])
            proxy.set_timeout_millis(ANSWER_TIMEOUT)
            self._proxies[name] = proxy
        return self._proxies[name]

    def _published(self, reducer: str) -> tuple[tuple[Result, ...], dict[str, Any]]:
        if not reducer:
            return (), {}
        try:
            proxy = self._proxy(reducer)
            names = list(proxy.published or ())
            found = results(proxy.get_attribute_config(names), proxy.plots or ()) if names else ()
            return found, _read(proxy, [result.name for result in found if result.kind is Kind.VALUE])
        except tango.DevFailed:
            return (), {}

    def _messages(self) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        errors: list[Message] = []
        log: list[Message] = []
        home = device_name(self._home)
        for name in self._urls:
            try:
                read = _read(self._proxy(name), ["lastErrors" if name == home else "lastError", "log"])
            except tango.DevFailed:
                self._proxies.pop(name, None)  # one whose device was away would try to connect once in a second only
                continue
            log += (Message(line, name) for line in read.pop("log", None) or ())
            latest = read.get("lastErrors") or (read.get("lastError", ""),)
            told = [error.text for error in errors]  # the controller repeats what workers and the reducer tell
            errors += (Message(text, name) for text in latest if text and not any(each.endswith(text) for each in told))
        return tuple(errors), tuple(sorted(log))


def _read(proxy: tango.DeviceProxy, names: list[str]) -> dict[str, Any]:
    """Return the values of attributes, of those that can be read and have one; raises DevFailed."""
    read = proxy.read_attributes(names) if names else []
    there = (each for each in read if not each.has_failed and each.quality != tango.AttrQuality.ATTR_INVALID)
    return {each.name: each.value for each in there}
