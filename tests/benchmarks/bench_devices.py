"""The live pipeline through Tango devices beside the bare nodes; how fast an ensemble starts and commands answer."""

from __future__ import annotations

import json
import operator
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.free_ports import free_url
from tests.system.ensemble import Ensemble as BareEnsemble
from tests.system.ensemble import start_detector

from dranspose.simulate.stins import StinsDetector
from dranspose.triggermap import TriggerMap
from dranspose_tango.ensemble import Ensemble, Ingester, Reducer, Workers
from dranspose_tango.ensemble_file import read_ensemble
from dranspose_tango.launch import Launch, launched
from dranspose_tango.remote import RemoteController

WORKERS = 2
ROUNDS = 3
SCANS = 2  # the last of which counts: the first has to get memory for its frames from the system
SMALL, LARGE = (32, 32), (2048, 2048)  # uint16
BATCH = 10
CALLS = 50
ATTENTION = 0.05  # seconds between two looks at what starts
GLANCE = 0.3  # seconds between two looks at a scan, which cost it something
TUTORIAL = Path(__file__).parents[2] / "resources/ensembles/tutorial.toml"
CLASSES = "analysis:MeanWorker", "analysis:TimedReducer"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a scan costs.

    Attributes:
        seconds: from arming to the reducer's `finish`.
        processor_seconds: of all processes but the detector.
    """

    seconds: float
    processor_seconds: float


def show(case: str, measured: str, against: str, figure: float, target: float, *, at_most: bool = False) -> None:
    """Print a line of the table."""
    reaches, sign = (operator.le, "<=") if at_most else (operator.ge, ">=")
    verdict = "reached" if reaches(figure, target) else "MISSED"
    print(f"{case:30}{measured:>18}  {against:24}{figure:9.3g}  {sign} {target:<8g}{verdict}", flush=True)


@contextmanager
def analysis_folder() -> Iterator[Path]:
    """Give a folder of its own to an analysis, and to what an ensemble leaves."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(Path(__file__).with_name("analysis.py"), folder)
        os.environ["XDG_STATE_HOME"] = folder
        yield Path(folder)


def children() -> list[int]:
    """Return the processes that this one has started."""
    return [int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


def processor_seconds(pids: Iterable[int]) -> float:
    """Return how much processor time processes have had."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def cost(folder: Path, pids: Iterable[int], scan: Callable[[], None]) -> Cost:
    """Return what a scan costs, which has to arm and to wait for the end."""
    before, begin = processor_seconds(pids), time.monotonic()
    scan()
    finished = float((folder / "finished").read_text())
    return Cost(finished - begin, processor_seconds(pids) - before)


def bare(images: int, shape: tuple[int, int]) -> Cost:
    """Return what the last scan costs on nodes without Tango, the controller in this process."""
    uniform = {"uniform": {"streams": ["det"], "events": images, "batch": BATCH}}
    with analysis_folder() as folder, BareEnsemble(folder, *CLASSES) as ensemble:
        url = free_url()
        ensemble.start_reducer()
        ensemble.start_ingester("ingester", {"det": url})
        for number in range(WORKERS):
            ensemble.start_worker(f"worker-{number}")
        ensemble.wait_for(1, WORKERS)
        pids = [os.getpid(), *children()]
        costs = []
        for _ in range(SCANS):
            ensemble.start_detector(StinsDetector(images=images, shape=shape), url)
            costs.append(cost(folder, pids, lambda: ensemble.run_scan(TriggerMap.from_json(uniform))))
        return costs[-1]


def through_devices(images: int, shape: tuple[int, int]) -> Cost:
    """Return what the last scan costs on devices, each a process of its own."""
    uniform = {"uniform": {"streams": ["det"], "events": images, "batch": BATCH}}
    with analysis_folder() as folder, launched(_ensemble(folder, url := free_url()), None) as launch:
        _until_ready(launch)
        controller = RemoteController(launch.running.controller_url)
        pids = children()

        def scan() -> None:
            controller.arm(json.dumps(uniform))
            while not controller.progress().is_over:
                time.sleep(GLANCE)

        costs = []
        for _ in range(SCANS):
            detector = start_detector(StinsDetector(images=images, shape=shape), url)
            try:
                costs.append(cost(folder, pids, scan))
            finally:
                detector.kill()
                detector.join()
        return costs[-1]


def _ensemble(folder: Path, url: str) -> Ensemble:
    return Ensemble(
        name="benchmark",
        folder=folder,
        ingesters=(Ingester(name="det", source="stins", urls={"det": (url,)}),),
        workers=(Workers(analysis=CLASSES[0], count=WORKERS),),
        reducer=Reducer(analysis=CLASSES[1]),
        parameters={},
    )


def _until_ready(launch: Launch) -> None:
    while not launch.is_ready:
        launch.attend(ATTENTION)


def rates() -> None:
    """Events per second, and processor time per event, in turns with the bare nodes."""
    for case, images, shape in (("2 kB", 60_000, SMALL), ("8 MB", 400, LARGE)):
        pairs = [(through_devices(images, shape), bare(images, shape)) for _ in range(ROUNDS)]
        devices, nodes = (min(cost.seconds for cost in costs) for costs in zip(*pairs, strict=True))
        show(
            f"{case}, batch {BATCH}",
            f"{images / devices:.0f} events/s",
            f"nodes: {images / nodes:.0f}",
            nodes / devices,
            0.95,
        )
        devices, nodes = (min(cost.processor_seconds for cost in costs) for costs in zip(*pairs, strict=True))
        show(
            *("", f"{1e6 * devices / images:.0f} µs of processor", f"nodes: {1e6 * nodes / images:.0f}"),
            devices / nodes,
            1.05,
            at_most=True,
        )


def start() -> None:
    """Seconds from the start of the tutorial's ensemble, its database included, until it is ready."""
    ensemble = read_ensemble(TUTORIAL)
    seconds = []
    for _ in range(ROUNDS):
        with analysis_folder():
            begin = time.monotonic()
            with launched(replace(ensemble, reducer=replace(ensemble.reducer, http=None)), None) as launch:
                _until_ready(launch)
                seconds.append(time.monotonic() - begin)
    print(f"start to STANDBY of the tutorial's ensemble: {min(seconds):.2f} s")


def commands() -> None:
    """Milliseconds that commands take while a scan runs at full rate."""
    with analysis_folder() as folder, launched(_ensemble(folder, url := free_url()), None) as launch:
        _until_ready(launch)
        controller = RemoteController(launch.running.controller_url)
        device = controller.device
        uniform = json.dumps({"uniform": {"streams": ["det"], "events": 10_000_000, "batch": BATCH}})
        detector = start_detector(StinsDetector(images=10_000_000, shape=SMALL), url)
        try:
            show_call("Arm", [_milliseconds(lambda: device.Arm(uniform))])
            while controller.progress().completed == 0:
                time.sleep(ATTENTION)
            for name, call in {
                "State": device.State,
                "SetParameter": lambda: device.SetParameter(["gain", "2"]),
                "DescribeParameters": device.DescribeParameters,
                "EventStory": lambda: device.EventStory(1),
                "Reset": device.Reset,
            }.items():
                show_call(name, [_milliseconds(call) for _ in range(CALLS)])
            show_call("Abort", [_milliseconds(device.Abort)])
        finally:
            detector.kill()
            detector.join()


def show_call(name: str, milliseconds: list[float]) -> None:
    """Print how long a command takes."""
    median, longest = statistics.median(milliseconds), max(milliseconds)
    show(f"{name} in a scan", f"{median:.1f} ms", "longest", longest, 100, at_most=True)


def _milliseconds(call: Callable[[], object]) -> float:
    begin = time.monotonic()
    call()
    return 1000 * (time.monotonic() - begin)


def main() -> None:
    """Print the table."""
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # of the nodes: detectors come and go here
    print(f"devices, {WORKERS} workers, a result for every event; best of {ROUNDS}; {os.cpu_count()} processors")
    print(f"{'':30}{'measured':>18}  {'against':24}{'figure':>9}  target     verdict")
    rates()
    commands()
    start()


if __name__ == "__main__":
    main()
