"""How the devices of an ensemble are, as any Tango client sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import tango
from tango.utils import PyTangoThread

from dranspose_tango.tango_errors import explain

ANSWER_TIMEOUT = 1000  # milliseconds
LOOK_INTERVAL = 0.25  # seconds

AWAY = "AWAY"


@dataclass(frozen=True, slots=True)
class Sight:
    """A device at one moment.

    Attributes:
        name: of the device.
        state: a Tango state, or ``AWAY`` if it does not answer.
        status: why that is its state.
        done: how many events, frames or results it has done in the scan.
        rate: the same per second.
        load: how much of its time a worker is busy, in percent.
    """

    name: str
    state: str
    status: str
    done: int | None = None
    rate: float | None = None
    load: float | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is there, and neither starting nor looking for its controller."""
        return self.state not in (AWAY, "INIT", "UNKNOWN")


SHOWN = {
    "DransposeController": ("completedEvents", "eventRate"),
    "DransposeIngester": ("framesReceived", "frameRate"),
    "DransposeWorker": ("processedEvents", "eventRate", "load"),
    "DransposeReducer": ("reducedResults", "resultRate"),
}
"""The attributes, by the class of the device, that are shown as done, rate and load."""


class Observed:
    """A device that is looked at again and again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = device_name(url)
        self._proxy: tango.DeviceProxy | None = None
        self._shown: Sequence[str] = ()

    def look(self) -> Sight:
        """Return how the device is now; one that does not answer in a second is away."""
        try:
            if self._proxy is None:
                proxy = tango.DeviceProxy(self._url)
                proxy.set_timeout_millis(ANSWER_TIMEOUT)
                self._shown = SHOWN.get(proxy.info().dev_class, ())
                self._proxy = proxy
            read = self._proxy.read_attributes(["State", "Status", *self._shown])
            state, status, *shown = [None if attribute.has_failed else attribute.value for attribute in read]
            return Sight(self._name, str(state), str(status), *shown)
        except tango.DevFailed as error:
            self._proxy = None  # one whose device was away would try to connect once in a second only
            return Sight(self._name, AWAY, explain(error))


class Lookout(PyTangoThread):
    """A thread that looks at devices all the time, so that one that hangs holds up nobody else."""

    def __init__(self, urls: Iterable[str]) -> None:
        super().__init__(name="lookout", daemon=True)
        self._observed = [Observed(url) for url in urls]
        self._over = threading.Event()
        self.sights: tuple[Sight, ...] = ()

    def run(self) -> None:
        """Look until `close`."""
        while not self._over.wait(LOOK_INTERVAL):
            self.sights = tuple(observed.look() for observed in self._observed)

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()


def device_name(url: str) -> str:
    """Return the name of a device, in lower case, of its full name."""
    return "/".join(url.partition("#")[0].split("/")[-3:]).lower()


def beside(url: str, name: str) -> str:
    """Return the full name of the device `name` in the same database, or the same server, as that of a full name."""
    path, mark, without_database = url.partition("#")
    return f"{path.rsplit('/', 3)[0]}/{name.lower()}{mark}{without_database}"


def full_name(device: tango.DeviceProxy) -> str:
    """Return the full resource name of a device, ``tango://HOST:PORT/DEVICE``; raises DevFailed."""
    if device.is_dbase_used():
        return f"tango://{device.get_db_host()}:{device.get_db_port()}/{device.dev_name().lower()}"
    return f"tango://{device.get_dev_host()}:{device.get_dev_port()}/{device.dev_name().lower()}#dbase=no"


def devices_beside(controller: tango.DeviceProxy) -> list[str]:
    """Return the full names of the devices of the controller's domain and family; raises DevFailed.

    Without a database, they are the devices of its server.
    """
    name = full_name(controller)
    if controller.is_dbase_used():
        family = controller.dev_name().rpartition("/")[0]
        members = controller.get_device_db().get_device_member(f"{family}/*")
        return [beside(name, f"{family}/{member}") for member in members]
    server = tango.DeviceProxy(beside(name, f"dserver/{controller.info().server_id}"))
    return [beside(name, device.partition("::")[2]) for device in server.QueryDevice()]
