"""The live pipeline beside a plain pyzmq relay and, if there is one, another dranspose, against what it is to reach."""

import argparse
import json
import logging
import operator
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import peer
from relay import relay
from tests.free_ports import free_url
from tests.system.ensemble import Ensemble

from dranspose.dataplane.controller import Phase, Status
from dranspose.dataplane.messages import Arm, encode
from dranspose.simulate.stins import StinsDetector
from dranspose.triggermap import TriggerMap

WORKERS = 2
ROUNDS = 3
SMALL, LARGE = (32, 32), (2048, 2048)  # uint16
PATIENCE = 600.0  # seconds
SOON, LATE = 100_000, 1_000_000  # events
STEADY = 10_000.0  # images per second, which workers keep up with: what waits for them in an ingester is another matter


def show(case: str, measured: str, against: str, figure: float, target: float, *, at_most: bool = False) -> None:
    """Print a line of the table."""
    reaches, sign = (operator.le, "<=") if at_most else (operator.ge, ">=")
    verdict = "reached" if reaches(figure, target) else "MISSED"
    print(f"{case:26}{measured:>18}  {against:24}{figure:9.3g}  {sign} {target:<8g}{verdict}", flush=True)


@contextmanager
def running(
    detector: StinsDetector,
    streams: Sequence[str],
    worker: str = "MeanWorker",
    reducer: str = "SumReducer",
    workers: int = WORKERS,
) -> Iterator[tuple[Ensemble, Path]]:
    """Start an ensemble with an ingester and a detector for each stream; the detectors wait for a scan."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ensemble(Path(folder), f"analysis:{worker}", f"analysis:{reducer}") as ensemble,
    ):
        urls = {stream: free_url() for stream in streams}
        ensemble.start_reducer()
        for stream in streams:
            ensemble.start_ingester(f"ingester-{stream}", {stream: urls[stream]})
        for number in range(workers):
            ensemble.start_worker(f"worker-{number}")
        ensemble.wait_for(len(streams), workers)
        for stream in streams:
            ensemble.start_detector(detector, urls[stream])
        yield ensemble, Path(folder)


def scan(ensemble: Ensemble, streams: Sequence[str], events: int, batch: int) -> Iterator[Status]:
    """Run a scan; yield its status when `SOON` events are complete, when `LATE` are, and at the end."""
    uniform = {"streams": list(streams), "events": events, "batch": batch}
    armed = ensemble.controller.arm(TriggerMap.from_json({"uniform": uniform}))
    for wanted in (SOON, LATE):
        if wanted <= events:
            yield completed(ensemble, wanted)
    yield whole(ensemble, armed)


def completed(ensemble: Ensemble, events: int) -> Status:
    """Wait until so many events are complete."""
    return ensemble.controller.wait_until(
        lambda status: status.report is not None and status.report.completed >= events, PATIENCE
    )


def whole(ensemble: Ensemble, armed: bytes) -> Status:
    """Wait for the end of a scan, all of whose events must be complete."""
    status = ensemble.controller.wait_until(
        lambda status: status.scan == armed and status.phase is Phase.STANDBY, PATIENCE
    )
    if status.report is None or status.report.completed != status.report.events:
        raise SystemExit(f"the scan is not complete: {status}")
    return status


def live(images: int, shape: tuple[int, int], batch: int, streams: int = 1) -> float:
    """Return the seconds from arming to the last event."""
    names = [f"s{number}" for number in range(streams)]
    with running(StinsDetector(images=images, shape=shape), names) as (ensemble, _):
        begin = time.monotonic()
        list(scan(ensemble, names, images, batch))
        return time.monotonic() - begin


def latency(detector: StinsDetector) -> tuple[float, float]:
    """Return the median and the 99th percentile of the latency in ms."""
    with running(detector, ["det"], "SentWorker", "LatencyReducer") as (ensemble, folder):
        list(scan(ensemble, ["det"], detector.images, batch=1))
        median, worst = json.loads((folder / "latency.json").read_text())
        return median, worst


def rates(venv: Path | None) -> None:
    """Events per second of one stream, in turns with the others."""
    for case, images, peer_images, shape, batch, of_relay, of_peer in (
        ("2 kB, batch 10", 40_000, 3000, SMALL, 10, 0.6, 15),
        ("2 kB, batch 1", 40_000, 2000, SMALL, 1, 0.3, 20),
        ("8 MB, batch 10", 1500, 200, LARGE, 10, 0.9, 1.1),
    ):
        ours, plain, others = [], [], []
        for _ in range(ROUNDS):
            ours.append(images / live(images, shape, batch))
            plain.append(images / relay(images, shape, WORKERS))
            if venv:
                detector = StinsDetector(images=peer_images, shape=shape)
                others.append(peer_images / peer.scan(venv, detector, WORKERS, batch))
        best = max(ours)
        measured = f"{best:.0f} events/s"
        show(case, measured, f"relay: {max(plain):.0f}", best / max(plain), of_relay)
        if venv:
            show("", "", f"peer: {max(others):.0f}", best / max(others), of_peer)


def joined() -> None:
    """Frames per second of eight streams against those of one."""
    one = max(20_000 / live(20_000, SMALL, 10) for _ in range(ROUNDS))
    eight = max(8 * 10_000 / live(10_000, SMALL, 10, streams=8) for _ in range(ROUNDS))
    show("8 streams of 2 kB", f"{eight:.0f} frames/s", f"one stream: {one:.0f}", eight / one, 0.6)


def latencies(venv: Path | None) -> None:
    """Milliseconds from a detector of 100 Hz to `process_result`."""
    detector = StinsDetector(images=1000, shape=SMALL, rate=100.0)
    ours, others = [], []
    for _ in range(ROUNDS):
        ours.append(latency(detector))
        if venv:
            others.append(peer.latency(venv, detector, WORKERS))
    median, worst = (statistics.median(side) for side in zip(*ours, strict=True))
    if not others:
        print(f"latency at 100 Hz, 2 kB: median {median:.2f} ms, 99 % {worst:.2f} ms")
        return
    their_median, their_worst = (statistics.median(side) for side in zip(*others, strict=True))
    show(
        "latency, 100 Hz, median",
        f"{median:.2f} ms",
        f"peer: {their_median:.2f}",
        median / their_median,
        0.5,
        at_most=True,
    )
    show("latency, 100 Hz, 99 %", f"{worst:.2f} ms", f"peer: {their_worst:.2f}", worst / their_worst, 1, at_most=True)


def arming() -> None:
    """Seconds and bytes to arm ten million events."""
    uniform = {"streams": ["det"], "events": 10_000_000, "batch": 10}
    with running(StinsDetector(images=0), ["det"]) as (ensemble, _):
        begin = time.monotonic()
        trigger_map = TriggerMap.from_json({"uniform": uniform})
        ensemble.controller.arm(trigger_map)
        ensemble.controller.wait_until(lambda status: status.phase is Phase.RUNNING, PATIENCE)
        seconds = time.monotonic() - begin
    message = len(encode(Arm(trigger_map.to_message(), 0)))
    show("arming 10 million events", f"{seconds:.3f} s", "", seconds, 0.3, at_most=True)
    show("", f"{message} bytes", "", message, 1000, at_most=True)


def recovery() -> None:
    """Seconds from the death of one of three workers to the results of the first and the last event that it held."""
    firsts, lasts = zip(*(recovered() for _ in range(ROUNDS)), strict=True)
    show("recovery, first event", f"{max(firsts):.2f} s", "", max(firsts), 3, at_most=True)
    show("recovery, last event", f"{max(lasts):.2f} s", "", max(lasts), 3, at_most=True)


def recovered() -> tuple[float, float]:
    """Return these seconds of one scan."""
    detector = StinsDetector(images=2000, shape=SMALL, rate=300.0)
    with running(detector, ["det"], "SlowWorker", "ArrivalReducer", workers=3) as (ensemble, folder):
        uniform = {"streams": ["det"], "events": detector.images, "batch": 1}
        armed = ensemble.controller.arm(TriggerMap.from_json({"uniform": uniform}))
        before = completed(ensemble, detector.images // 4)
        killed = time.monotonic()
        ensemble.kill("worker-0")
        ensemble.controller.wait_until(lambda status: status.report.redispatched > 0, PATIENCE)
        after = completed(ensemble, detector.images // 2)
        ((lowest, _), *_), stop = before.report.incomplete, after.report.assigned
        held = [event for event in range(lowest, stop) if _bindings(ensemble.controller.story(event)) > 1]
        whole(ensemble, armed)
        arrivals = json.loads((folder / "arrivals.json").read_text())
    late = [arrivals[str(event)] - killed for event in held]
    return min(late), max(late)


def _bindings(story: Sequence[str]) -> int:
    return sum(" bound to " in sentence for sentence in story)


def memory() -> None:
    """Resident memory of each node after `LATE` events against that after `SOON`."""

    def resident() -> dict[str, int]:
        """Return the MB of each node; the controller's are those of this process."""
        processes = {name: process.pid for name, process in ensemble.processes.items() if "detector" not in name}
        return {name: _resident(pid) for name, pid in (processes | {"controller": os.getpid()}).items()}

    with running(StinsDetector(images=LATE, shape=SMALL, rate=STEADY), ["det"]) as (ensemble, _):
        soon, late, _ = (resident() for _ in scan(ensemble, ["det"], LATE, batch=10))
    for name, after in late.items():
        show(f"memory, {name}", f"{after} MB", f"after 100 000: {soon[name]}", after / soon[name], 1.1, at_most=True)


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", type=Path, help="virtual environment of another dranspose to compare with")
    venv = parser.parse_args(arguments).peer
    logging.basicConfig(level=os.environ.setdefault("LOG_LEVEL", "ERROR"))  # detectors and workers come and go here
    print(f"live, {WORKERS} workers, a result for every event; best of {ROUNDS}; {os.cpu_count()} processors")
    print(f"{'':26}{'measured':>18}  {'against':24}{'figure':>9}  target     verdict")
    rates(venv)
    joined()
    latencies(venv)
    arming()
    recovery()
    memory()


if __name__ == "__main__":
    main(sys.argv[1:])
