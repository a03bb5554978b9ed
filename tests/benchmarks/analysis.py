"""The analyses that the benchmarks run: sums of pixels, and how late results are."""

import json
import time
from pathlib import Path

import numpy as np


class MeanWorker:
    """The mean of some pixels of each image."""

    def __init__(self, *args, **kwargs):
        pass

    def process_event(self, event, parameters=None, *args, **kwargs):
        for stream in event.streams.values():
            if stream.length < 2:
                return None
            blob = stream.frames[1]
            return float(np.frombuffer(getattr(blob, "buffer", blob), np.uint16)[:64].mean())
        return None


class SumReducer:
    """The sum of them."""

    def __init__(self, *args, **kwargs):
        self.total = 0.0

    def process_result(self, result, parameters=None):
        self.total += result.payload


class SlowWorker(MeanWorker):
    """The same, in 5 ms."""

    def process_event(self, event, parameters=None, *args, **kwargs):
        time.sleep(0.005)
        return super().process_event(event, parameters)


class ArrivalReducer:
    """Writes at which time of the monotonic clock the result of each event came."""

    def __init__(self, *args, **kwargs):
        self.times = {}

    def process_result(self, result, parameters=None):
        self.times[result.event_number] = time.monotonic()

    def finish(self, parameters=None):
        Path("arrivals.json").write_text(json.dumps(self.times))


class SentWorker:
    """When the detector sent each image."""

    def __init__(self, *args, **kwargs):
        pass

    def process_event(self, event, parameters=None, *args, **kwargs):
        for stream in event.streams.values():
            return json.loads(bytes(stream.frames[0])).get("sent")
        return None


class LatencyReducer:
    """Writes the median and the 99th percentile of the milliseconds from the detector to here."""

    def __init__(self, *args, **kwargs):
        self.seconds = []

    def process_result(self, result, parameters=None):
        self.seconds.append(time.time() - result.payload)

    def finish(self, parameters=None):
        milliseconds = [1000 * float(np.percentile(self.seconds[10:], p)) for p in (50, 99)]
        Path("latency.json").write_text(json.dumps(milliseconds))


class TimedReducer(SumReducer):
    """Writes at which time of the monotonic clock the last result was reduced."""

    def finish(self, parameters=None):
        Path("finished").write_text(str(time.monotonic()))
