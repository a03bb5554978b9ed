"""A scan at full rate with a viewer of its results beside it, against the same scan without."""

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench_live import show
from tests.free_ports import free_url
from tests.system.ensemble import Ensemble

from dranspose.dataplane.controller import Phase
from dranspose.simulate.stins import StinsDetector
from dranspose.triggermap import TriggerMap

IMAGES = 100_000
ROUNDS = 5
PATIENCE = 600.0  # seconds
ANALYSIS = "tests.system.viewed:FrameWorker", "tests.system.viewed:ViewedReducer"
VIEWER = Path(__file__).with_name("viewer.py")


def scan(*, viewed: bool) -> tuple[float, float]:
    """Return the seconds of a scan, and those of processor time that the reducer took for it."""
    url = free_url()
    port = int(free_url().rpartition(":")[2])
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ensemble = stack.enter_context(Ensemble(Path(folder), *ANALYSIS))
        ensemble.start_reducer(http_port=port)
        for number in range(2):
            ensemble.start_worker(f"worker-{number}")
        ensemble.start_ingester("ingester", {"det": url})
        ensemble.wait_for(ingesters=1, workers=2)
        armed = ensemble.controller.arm(
            TriggerMap.from_json({"uniform": {"streams": ["det"], "events": IMAGES, "batch": 10}})
        )
        ensemble.controller.wait_until(lambda status: status.phase is Phase.RUNNING, PATIENCE)
        if viewed:
            command = [sys.executable, str(VIEWER), f"http://127.0.0.1:{port}/"]
            viewer = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            stack.callback(viewer.kill)
            viewer.stdout.readline()  # from then on it looks
        before, begin = _processor_seconds(ensemble), time.monotonic()
        ensemble.start_detector(StinsDetector(images=IMAGES), url)
        status = ensemble.controller.wait_until(
            lambda status: status.scan == armed and status.phase is Phase.STANDBY, PATIENCE
        )
        if status.report is None or status.report.completed != IMAGES + 2:
            raise SystemExit(f"the scan is not complete: {status}")
        return time.monotonic() - begin, _processor_seconds(ensemble) - before


def _processor_seconds(ensemble: Ensemble) -> float:
    """Return what all threads of the reducer have had so far (proc_pid_schedstat of Linux: nanoseconds come first)."""
    threads = Path(f"/proc/{ensemble.processes['reducer'].pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def main() -> None:
    """Print the medians of rounds in turns."""
    slowdowns, shares = [], []
    for _ in range(ROUNDS):
        (alone, processor_alone), (viewed, processor_viewed) = scan(viewed=False), scan(viewed=True)
        slowdowns.append(viewed / alone)
        shares.append((processor_viewed - processor_alone) / viewed)
    print(f"a viewer that looks once a second, in a scan of {IMAGES} events at full rate; median of {ROUNDS}")
    show("seconds of the scan", "", "without a viewer: 1", statistics.median(slowdowns), 1.02, at_most=True)
    show("more processor, reducer", "", "a processor: 1", statistics.median(shares), 0.02, at_most=True)


if __name__ == "__main__":
    main()
