"""Ensembles with a server process for each device, as at the beamline, on a Tango database for tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import tango

from dranspose_tango.ensemble import Ensemble, Ingester
from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.launch import Launch, launched
from dranspose_tango.testing.capture_source import SOURCE
from dranspose_tango.testing.captured_scan import CapturedScan, paths_of
from dranspose_tango.testing.scans import ScanFailedError, run_scan, wait_until_ready

PATIENCE = 60.0  # seconds that an ensemble has to start; it takes two
LOOK_INTERVAL = 0.05  # seconds


class LiveEnsemble:
    """An ensemble that runs; its processes are started again when they have ended only while `wait_until_ready`.

    Args:
        launch: how it was started.
        captured: the scan that its ingester plays, if it plays captures.

    Attributes:
        members: the last parts of the names of its devices, such as ``worker-1``.
    """

    def __init__(self, launch: Launch, captured: CapturedScan | None) -> None:
        self._launch = launch
        self._captured = captured
        self._names = {device.member: device.name for device in launch.ensemble.devices}
        self.members = tuple(self._names)

    def device(self, member: str) -> tango.DeviceProxy:
        """Return a new client of a device."""
        return tango.DeviceProxy(self._url(member))

    @property
    def controller(self) -> tango.DeviceProxy:
        """A new client of the controller."""
        return self.device("controller")

    @property
    def reducer(self) -> tango.DeviceProxy:
        """A new client of the reducer."""
        return self.device("reducer")

    def run(self, trigger_map: Any = None, timeout: float = 60.0) -> None:
        """Run a scan to its end; then the attributes of the devices show what came of it.

        Args:
            trigger_map: what JSON can hold; by default that of the captures that are played.
            timeout: so many seconds it may take.

        Raises:
            ScanFailedError: it did not come to a good end.
            tango.DevFailed: it is refused.
        """
        captured = self._captured if trigger_map is None else None
        stop_after = None if captured is None or captured.is_whole else captured.events - 1
        trigger_map = trigger_map if captured is None else captured.trigger_map()
        run_scan(self.controller, self.reducer, trigger_map, timeout, stop_after=stop_after)

    def pid(self, member: str) -> int:
        """Return the id of a device's process."""
        return self._launch.pid(self._names[member])

    def kill(self, member: str) -> None:
        """Kill the process of a device as nothing else does: SIGKILL."""
        os.kill(self.pid(member), signal.SIGKILL)

    def wait_until_ready(self) -> None:
        """Wait until all devices are ready for a scan; raises ScanFailedError if they are not to be."""
        deadline = time.monotonic() + PATIENCE
        while not self._launch.is_ready:
            self._launch.attend(LOOK_INTERVAL)
            for sight in self._launch.sights:
                if sight.state == "FAULT":
                    raise ScanFailedError(f"{sight.name}: {sight.status}")
            if time.monotonic() > deadline:
                raise ScanFailedError("\n".join(f"{sight.name}: {sight.status}" for sight in self._launch.sights))
        controller, *others = map(self._url, self.members)
        wait_until_ready(controller, others, attend=self._launch.attend)

    def _url(self, member: str) -> str:
        return f"tango://{self._launch.running.tango_host}/{self._names[member]}"


class EnsembleStarter:
    """Starts ensembles; a context, at whose end they are stopped.

    Args:
        tango_host: the database, as ``host:port``.
    """

    def __init__(self, tango_host: str) -> None:
        self._tango_host = tango_host
        self._started = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._started.close()
        tango.ApiUtil.cleanup()  # a test context of a later test would break what clients keep until Python ends

    def __call__(self, description: str | Path, captures: str | Path | Sequence[str | Path] = ()) -> LiveEnsemble:
        """Start an ensemble, and return it when all devices are there and the parameters are set.

        It serves no results over HTTP, for the port may be taken.

        Args:
            description: the file that describes it.
            captures: if given, these are played in the place of all that its ingesters take in.

        Raises:
            EnsembleError: the file describes no ensemble.
            ScanFailedError: a device is in FAULT, or does not come.
            OSError, CaptureError, ValueError: the captures cannot be played, see `CapturedScan`.
        """
        ensemble = read_ensemble(Path(description))
        ensemble = replace(ensemble, reducer=replace(ensemble.reducer, http=None))
        captured = CapturedScan(paths) if (paths := paths_of(captures)) else None
        if captured is not None:
            ensemble = _playing(ensemble, captured, paths)
        live = LiveEnsemble(self._started.enter_context(launched(ensemble, self._tango_host)), captured)
        live.wait_until_ready()
        return live


def _playing(ensemble: Ensemble, captured: CapturedScan, paths: Sequence[Path]) -> Ensemble:
    urls = {str(stream): tuple(map(str, paths)) for stream in captured.streams}
    return replace(ensemble, ingesters=(Ingester(name="captures", source=SOURCE, urls=urls),))
