"""Captures played through all four kinds of devices, in this process and without a Tango database."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import tango
from tango.server import Device
from tango.test_context import MultiDeviceTestContext

from dranspose_tango.controller import DransposeController
from dranspose_tango.ingester import DransposeIngester
from dranspose_tango.reducer import DransposeReducer
from dranspose_tango.remote import RemoteController
from dranspose_tango.testing.capture_source import SOURCE, urls_of
from dranspose_tango.testing.captured_scan import CapturedScan, paths_of
from dranspose_tango.testing.scans import ScanFailedError, run_scan, wait_until_ready
from dranspose_tango.worker import DransposeWorker

FAMILY = "test/dranspose"
CONTROLLER, INGESTER, REDUCER = f"{FAMILY}/controller", f"{FAMILY}/ingester", f"{FAMILY}/reducer"


@dataclass(frozen=True, slots=True)
class Replayed:
    """The devices after a scan.

    Attributes:
        controller, ingester, workers, reducer: clients of the devices; what the user's classes publish, and all that is
            counted, are attributes.
        worker_objects, reducer_object: the objects of the user's classes that were in the scan.
    """

    controller: tango.DeviceProxy
    ingester: tango.DeviceProxy
    workers: tuple[tango.DeviceProxy, ...]
    reducer: tango.DeviceProxy
    worker_objects: tuple[Any, ...]
    reducer_object: Any


class Replay:
    """Plays captures; a context, at whose end, or at the next call, the devices of a call are gone.

    Args:
        state: a folder for what the controller remembers.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._devices = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._devices.close()

    def __call__(
        self,
        worker_class: str,
        reducer_class: str,
        captures: str | Path | Sequence[str | Path],
        parameters: Mapping[str, Any] | None = None,
        *,
        workers: int = 2,
        keep_going: bool = False,
        timeout: float = 60.0,
    ) -> Replayed:
        """Play captures through devices, and return these when the scan is over.

        Args:
            worker_class: as ``package.module:Class``; the working directory is searched first.
            reducer_class: the same.
            captures: a file, or several to be merged by event number.
            parameters: values by name, which are written to attributes of the controller.
            workers: how many devices of the Worker class there are.
            keep_going: count failures of the user's code, and go on.
            timeout: so many seconds the scan may take.

        Raises:
            ScanFailedError: the scan did not come to a good end.
            RemoteError: a parameter is none of the analysis, or cannot have the value.
            OSError, CaptureError, ValueError: the captures cannot be replayed, see `CapturedScan`.
        """
        self._devices.close()
        paths = paths_of(captures)
        scan, values = CapturedScan(paths), parameters or {}
        names = [f"{FAMILY}/worker-{number}" for number in range(1, workers + 1)]
        source = {"Source": SOURCE, "Streams": list(scan.streams), "Urls": urls_of(scan.streams, paths)}
        devices: dict[type[Device], dict[str, dict[str, Any]]] = {
            DransposeController: {CONTROLLER: {"StateFolder": str(self._state)}},
            DransposeIngester: {INGESTER: source},
            DransposeWorker: {name: {"AnalysisClass": worker_class} for name in names},
            DransposeReducer: {REDUCER: {"AnalysisClass": reducer_class}},
        }
        self._devices.enter_context(_running(devices))
        wait_until_ready(CONTROLLER, (INGESTER, *names, REDUCER))
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()  # what Tango's server has said there is captured with the test, not left to its end
        remote = RemoteController(CONTROLLER)
        for name, value in values.items():
            parameter = remote.parameter(name)
            remote.write_parameter(parameter, parameter.to_bytes(value))
        controller, ingester, reducer = map(tango.DeviceProxy, (CONTROLLER, INGESTER, REDUCER))
        stop_after = None if scan.is_whole else scan.events - 1
        run_scan(controller, reducer, scan.trigger_map(), timeout, stop_after=stop_after)
        if not keep_going and (failures := _node(CONTROLLER).status.failures):
            raise ScanFailedError("\n".join(f"{failure.text}\n{failure.traceback}" for failure in failures))
        objects = tuple(_node(name).user_object for name in names)
        proxies = tuple(map(tango.DeviceProxy, names))
        return Replayed(controller, ingester, proxies, reducer, objects, _node(REDUCER).user_object)


@contextmanager
def _running(devices: Mapping[type[Device], Mapping[str, Mapping[str, Any]]]) -> Iterator[None]:
    """Run devices, given by class, name and properties."""
    infos = [
        {
            "class": kind,
            "devices": [
                {"name": name, "properties": {"Controller": CONTROLLER, **properties}}
                for name, properties in its.items()
            ],
        }
        for kind, its in devices.items()
    ]
    with MultiDeviceTestContext(infos, process=False):
        yield


def _node(device: str) -> Any:
    return tango.Util.instance().get_device_by_name(device).node
