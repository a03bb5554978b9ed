"""The four devices in this process, without a Tango database, and what a client sees of them."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tango
from tango.server import Device
from tango.test_context import MultiDeviceTestContext

from dranspose_tango.controller import DransposeController
from dranspose_tango.ingester import DransposeIngester
from dranspose_tango.reducer import DransposeReducer
from dranspose_tango.testing.change_events import PATIENCE, wait_for
from dranspose_tango.worker import DransposeWorker

CONTROLLER, INGESTER, REDUCER = "test/dranspose/controller", "test/dranspose/ingester", "test/dranspose/reducer"


def wait_for_state(proxy: tango.DeviceProxy, *states: tango.DevState) -> tango.DevState:
    """Wait until a device is in one of these states."""
    return wait_for(proxy, "State", lambda state: state in states)


def wait_for_attributes(proxy: tango.DeviceProxy, condition: Callable[[set[str]], bool]) -> None:
    """Wait until the names of the attributes that a device has fulfil the condition."""
    interfaces: queue.SimpleQueue[tango.DevIntrChangeEventData] = queue.SimpleQueue()
    subscription = proxy.subscribe_event(tango.EventType.INTERFACE_CHANGE_EVENT, interfaces.put)
    try:
        while not condition({attribute.name for attribute in interfaces.get(timeout=PATIENCE).att_list}):
            pass
    finally:
        proxy.unsubscribe_event(subscription)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The devices of an ensemble, as a client has them."""

    controller: tango.DeviceProxy
    ingester: tango.DeviceProxy
    workers: tuple[tango.DeviceProxy, ...]
    reducer: tango.DeviceProxy

    def wait_for_nodes(self) -> None:
        """Wait until the controller knows all the others, and what their classes describe."""
        wait_for(self.controller, "ingesters", lambda names: names == (INGESTER,))
        wait_for(self.controller, "reducer", lambda name: name == REDUCER)
        wait_for(self.controller, "workers", lambda names: names is not None and len(names) == len(self.workers))
        described = {parameter["name"] for parameter in json.loads(self.controller.DescribeParameters())}
        wait_for(self.controller, "parameters", lambda names: described <= set(names or ()))

    def run(self, trigger_map: str) -> str:
        """Arm a scan and wait until it is over; return its id."""
        scan = self.controller.Arm(trigger_map)
        wait_for_state(self.controller, tango.DevState.STANDBY, tango.DevState.ALARM, tango.DevState.FAULT)
        return scan


def properties(folder: Path, worker: str, reducer: str, url: str, state: Path) -> dict[str, dict[str, Any]]:
    """Return the properties of the devices of an ensemble, by their names."""
    analysis = {"Controller": CONTROLLER, "AnalysisPath": str(folder)}
    return {
        CONTROLLER: {"StateFolder": str(state), "UploadDirectories": [str(folder)]},
        INGESTER: {"Controller": CONTROLLER, "Streams": ["xrd"], "Urls": [url]},
        "test/dranspose/worker-1": {**analysis, "AnalysisClass": worker},
        "test/dranspose/worker-2": {**analysis, "AnalysisClass": worker},
        REDUCER: {**analysis, "AnalysisClass": reducer},
    }


@contextmanager
def running(
    devices: Mapping[str, Mapping[str, Any]], others: Mapping[type[Device], Sequence[str]] | None = None
) -> Iterator[None]:
    """Run devices in this process with these properties, and others of a test's own classes."""
    classes = {
        "controller": DransposeController,
        "ingester": DransposeIngester,
        "worker": DransposeWorker,
        "reducer": DransposeReducer,
    }
    infos = [
        {
            "class": device_class,
            "devices": [
                {"name": name, "properties": dict(its)}
                for name, its in devices.items()
                if name.rpartition("/")[2].startswith(kind)
            ],
        }
        for kind, device_class in classes.items()
    ]
    infos += [
        {"class": device_class, "devices": [{"name": name} for name in names]}
        for device_class, names in (others or {}).items()
    ]
    with MultiDeviceTestContext([info for info in infos if info["devices"]], process=False):
        yield


def proxies() -> Ensemble:
    """Return the devices of `properties`, which are running."""
    workers = [tango.DeviceProxy(f"test/dranspose/worker-{i}") for i in (1, 2)]
    return Ensemble(
        tango.DeviceProxy(CONTROLLER), tango.DeviceProxy(INGESTER), tuple(workers), tango.DeviceProxy(REDUCER)
    )
