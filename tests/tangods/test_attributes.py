"""Attributes that come and go while clients are being sent their values: the device lives on."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import tango
from tango import CmdArgType
from tango.server import Device
from tango.test_context import DeviceTestContext
from tango.utils import PyTangoThread, PyTangoThreadPoolExecutor

from dranspose_tango.attributes import Definition, DynamicAttributes

NAMES = [f"sum_{i}" for i in range(60)]
VALUES = {0: 1.5, 1: np.ones(10)}  # by their rank
READERS, CHANGES = 4, 8


class Restless(Device):
    """A device whose attributes get another type again and again."""

    def init_device(self) -> None:
        super().init_device()
        self._over = threading.Event()
        self._thread = PyTangoThread(target=self._change)
        self._thread.start()

    def delete_device(self) -> None:
        self._over.set()
        with tango.AutoTangoAllowThreads(self):
            self._thread.join()

    def _change(self) -> None:
        attributes = DynamicAttributes(self, lambda definition: VALUES[definition.rank])  # type: ignore[arg-type]
        for rank in itertools.cycle(VALUES):
            wanted = {name: Definition(name, CmdArgType.DevDouble, rank) for name in NAMES}
            while not (self._over.is_set() or attributes.follow(wanted)):
                self._over.wait(0.01)
            if self._over.wait(0.03):
                return

    def wake(self) -> None:
        """Do nothing: the thread looks all the time."""

    def forget(self, name: str) -> None:
        """Do nothing: nothing is pushed."""

    def keep_listeners(self, name: str) -> None:
        """Do nothing: nobody listens."""


def ranks(device: tango.DeviceProxy) -> list[int]:
    """Read the attributes until their type has changed so often; return the ranks one after the other."""
    found: list[int] = []
    for name in itertools.cycle(NAMES):
        try:
            value = device.read_attribute(name).value
        except tango.DevFailed as error:
            if error.args[0].reason != "API_AttrNotFound":
                raise
            continue
        if value is not None and np.ndim(value) not in found[-1:]:
            found.append(np.ndim(value))
            if len(found) > CHANGES:
                return found
    return found


def test_clients_that_read_all_the_time_do_no_harm() -> None:
    with DeviceTestContext(Restless, process=True) as device, PyTangoThreadPoolExecutor(READERS) as clients:
        reading = [clients.submit(ranks, device) for _ in range(READERS)]
        assert all(len(each.result()) > CHANGES for each in reading)
