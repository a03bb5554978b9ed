"""The scheduler alone: how many virtual workers it binds in a second of one core, for 1000 workers.

And how long arming waits for a trigger map that is written out event by event.
"""

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from dranspose.dataplane.analysis_node import LOOK_INTERVAL
from dranspose.dataplane.controller import REPORTS_AT_ONCE
from dranspose.protocol import GENERIC_TAG, StreamName
from dranspose.scheduler import Phase, Scheduler
from dranspose.scheduling.credit import WORK_IN_HAND
from dranspose.scheduling.instructions import Bind, Broadcast
from dranspose.scheduling.stimuli import Finished, Outcome, Reduced, Start, Stimulus, WorkerJoined
from dranspose.triggermap import TriggerMap

LOADS = [(1, 10), (10, 100), (1, 2), (1, 50), (10, 10)]
"""Events per virtual worker, and the window that follows from the time a call takes.

200 000 virtual workers a second are 200 for each of 1000 workers: with one event each, calls take 5 ms and windows are
10 events; with ten, calls take 0.5 ms and windows are 100 events. Windows are smaller when calls take longer, and then
fewer bindings are needed.
"""

ROUNDS = 3

WRITTEN_OUT = [10_000, 100_000]
"""Events of a trigger map that is written out."""


class Workers:
    """Workers that report after so many seconds of work, or a longer call, and a reducer that reports as often.

    There are more reports than a controller can handle one by one: it takes as many together as it may.
    """

    def __init__(self, scheduler: Scheduler, batch: int, window: int, interval: float) -> None:
        self.reports = 0
        self.seconds = 0.0  # of processor time that the scheduler took
        self._scheduler = scheduler
        self._batch = batch
        self._seconds = WORK_IN_HAND / window
        self._at_once = ceil(interval / self._seconds)
        self._waiting: deque[tuple[str, int, int]] = deque()  # whose, first and last event

    def work(self) -> None:
        """Process all that is bound, in turns."""
        while self._waiting:
            reports: list[Stimulus] = []
            while self._waiting and len(reports) < REPORTS_AT_ONCE:
                worker, first, last = self._waiting.popleft()
                if last - first >= self._at_once:
                    self._waiting.append((worker, first + self._at_once, last))
                    last = first + self._at_once - 1
                events = ((first, last),)
                reports += (Finished(worker, events, Outcome.RESULT, self._seconds), Reduced(worker, events))
            self.tell(*reports)
            self.reports += len(reports)

    def tell(self, *stimuli: Stimulus) -> None:
        """Tell the scheduler, and take in what it gives to workers; the first event is that of the header packets."""
        begin = time.process_time()
        instructions = self._scheduler.handle(*stimuli)
        self.seconds += time.process_time() - begin
        for instruction in instructions:
            match instruction:
                case Bind(first, last, worker):
                    self._waiting.append((worker, 1 + first * self._batch, (last + 1) * self._batch))
                case Broadcast(event, workers):
                    self._waiting.extend((worker, event, event) for worker in workers)


def measure(
    virtual_workers: int, workers: int, batch: int, window: int, interval: float = LOOK_INTERVAL
) -> tuple[float, int]:
    """Return how long the scheduler takes for a scan, in seconds of processor time, and for how many reports."""
    uniform = {"streams": ["eiger"], "events": virtual_workers * batch, "batch": batch}
    scheduler = Scheduler(TriggerMap.from_json({"uniform": uniform}), {"ingester": [StreamName("eiger")]})
    simulated = Workers(scheduler, batch, window, interval)
    for number in range(workers):
        simulated.tell(WorkerJoined(f"worker{number}", frozenset({GENERIC_TAG})))
    simulated.tell(Start())
    simulated.work()
    if scheduler.phase is not Phase.FINISHING_WORKERS:
        raise SystemExit(f"the scan came to a halt: {scheduler.report()}")
    return simulated.seconds, simulated.reports


def measure_written_out(events: int) -> dict[str, float]:
    """Return the milliseconds of processor time of each step with a map of two streams, a virtual worker per event."""
    cells = [[{"tags": [GENERIC_TAG], "constraint": event}] for event in range(events)]
    text = json.dumps({"eiger": cells, "pcap": cells})
    clock = [time.process_time()]
    document = json.loads(text)
    clock.append(time.process_time())
    trigger_map = TriggerMap.from_json(document)
    clock.append(time.process_time())
    message = trigger_map.to_message()
    clock.append(time.process_time())
    TriggerMap.from_message(message)
    clock.append(time.process_time())
    steps = ("json.loads", "from_json", "to_message", "from_message")
    return {step: (end - begin) * 1e3 for step, (begin, end) in zip(steps, pairwise(clock), strict=True)}


def main(arguments: Sequence[str] = ()) -> None:
    """Print a row for each load, where what simulates the workers is no part of the time, and for each map."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--virtual-workers", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--interval", type=float, default=LOOK_INTERVAL, help="seconds between reports; default: live")
    options = parser.parse_args(arguments)
    scan = f"{options.workers} workers and {options.virtual_workers} virtual workers"
    print(f"scheduler with {scan}, one core; best of {ROUNDS}")
    print(f"{'batch':>6}{'window':>8}{'bindings/s':>12}{'events/s':>12}{'reports/s':>11}")
    for batch, window in LOADS:
        seconds, reports = min(
            measure(options.virtual_workers, options.workers, batch, window, options.interval) for _ in range(ROUNDS)
        )
        bindings = options.virtual_workers / seconds
        print(f"{batch:6}{window:8}{bindings:12.0f}{bindings * batch:12.0f}{reports / seconds:11.0f}")
    for events in WRITTEN_OUT:
        steps = ", ".join(f"{step} {milliseconds:.1f} ms" for step, milliseconds in measure_written_out(events).items())
        print(f"trigger map of {events} written-out events, 2 streams: {steps}")


if __name__ == "__main__":
    main(sys.argv[1:])
