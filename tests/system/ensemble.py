"""A live pipeline of real processes: each node in its own, the controller in a thread of this one."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dranspose.analysis import load_class
from dranspose.dataplane.controller import Controller, Phase, Status
from dranspose.dataplane.ingester import Ingester
from dranspose.dataplane.memory import reuse_freed_memory
from dranspose.dataplane.reducer import Reducer
from dranspose.dataplane.worker import Worker
from dranspose.protocol import ParameterName
from dranspose.simulate.stins import StinsDetector, simulate
from dranspose.sources.catalogue import make_sources
from dranspose.triggermap import TriggerMap

PATIENCE = 30.0  # seconds that a test waits for what should take one
_processes = multiprocessing.get_context("spawn")


def _run_ingester(
    folder: str, name: str, controller: str, urls: Mapping[str, str], capture: str, protocols: Mapping[str, str]
) -> None:
    _settle(folder)
    sources = [
        source
        for stream, url in urls.items()
        for source in make_sources(protocols.get(stream, "stins"), [stream], [url])
    ]
    ingester = Ingester(name, controller, sources, capture=capture)
    signal.signal(signal.SIGTERM, lambda *_: ingester.stop())
    ingester.run()


def _run_worker(folder: str, name: str, controller: str, analysis: str, tags: Sequence[str]) -> None:
    _settle(folder)
    Worker(name, controller, load_class(analysis), tags).run()


def _run_reducer(folder: str, name: str, controller: str, analysis: str, http_port: int | None) -> None:
    _settle(folder)
    Reducer(name, controller, load_class(analysis), http_port=http_port).run()


def start_detector(detector: StinsDetector, url: str) -> multiprocessing.process.BaseProcess:
    """Start a simulated detector, which sends as soon as a receiver connects; it is ready for that on return."""
    bound = _processes.Event()
    process = _processes.Process(target=_run_detector, args=(detector, url, bound), name="detector")
    process.start()
    bound.wait()
    return process


def _run_detector(detector: StinsDetector, url: str, bound: Any) -> None:
    simulate(detector, url, threading.Event(), lambda url: bound.set())


def _settle(folder: str) -> None:
    reuse_freed_memory()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "WARNING"), stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)


class Ensemble:
    """A controller and its nodes; leaving the context kills what is left of them."""

    def __init__(self, folder: Path, worker: str, reducer: str, values: Mapping[str, bytes] | None = None) -> None:
        self.folder = folder
        self._worker, self._reducer = worker, reducer
        self._given = {ParameterName(name): data for name, data in (values or {}).items()}
        self.controller = Controller(self._given)
        self._thread = threading.Thread(target=self.controller.run, name="controller")
        self.processes: dict[str, multiprocessing.process.BaseProcess] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.join()
        self.controller.stop()
        self._thread.join()

    def restart_controller(self) -> None:
        """Start a new controller, which knows nothing, in the place of the one before."""
        url = self.controller.url
        self.controller.stop()
        self._thread.join()
        self.controller = Controller(self._given, url)
        self._thread = threading.Thread(target=self.controller.run, name="controller")
        self._thread.start()

    def start_ingester(
        self, name: str, urls: Mapping[str, str], capture: str = "", protocols: Mapping[str, str] | None = None
    ) -> None:
        """Start an ingester for these streams, STINS if not told otherwise; it records them if it is told where."""
        self._start(name, _run_ingester, dict(urls), capture, dict(protocols or {}))

    def start_worker(self, name: str, tags: Sequence[str] = ("generic",)) -> None:
        """Start a worker."""
        self._start(name, _run_worker, self._worker, tags)

    def start_reducer(self, name: str = "reducer", http_port: int | None = None) -> None:
        """Start the reducer, which serves what it publishes if it is told at which port."""
        self._start(name, _run_reducer, self._reducer, http_port)

    def start_detector(self, detector: StinsDetector, url: str) -> None:
        """Start a simulated detector, which sends as soon as an ingester connects to it."""
        process = start_detector(detector, url)
        self.processes[f"detector {url} {process.pid}"] = process

    def wait_for(self, ingesters: int, workers: int, reducers: int = 1) -> Status:
        """Wait until so many nodes are there."""
        return self.controller.wait_until(
            lambda status: (
                (len(status.ingesters), len(status.workers), len(status.reducers)) == (ingesters, workers, reducers)
            ),
            PATIENCE,
        )

    def run_scan(self, trigger_map: TriggerMap) -> Status:
        """Arm a scan and wait for its end."""
        scan = self.controller.arm(trigger_map)
        return self.wait_for_end(scan)

    def wait_for_end(self, scan: bytes) -> Status:
        """Wait for the end of a scan."""
        return self.controller.wait_until(
            lambda status: status.scan == scan and status.phase is Phase.STANDBY, PATIENCE
        )

    def kill(self, name: str) -> None:
        """Kill a node as nothing else does: SIGKILL."""
        self.processes[name].kill()
        self.processes[name].join()

    def end(self, name: str) -> None:
        """End an ingester in good order: what it records is on the disk then."""
        self.processes[name].terminate()
        self.processes[name].join()

    def _start(self, name: str, run: object, *arguments: object) -> None:
        process = _processes.Process(
            target=run, args=(str(self.folder), name, self.controller.url, *arguments), name=name
        )
        process.start()
        self.processes[name] = process
