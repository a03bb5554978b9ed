"""The analysis that the benchmarks run: the mean of some pixels of each image, and their sum."""

import numpy as np


class MeanWorker:
    def process_event(self, event, parameters=None, *args, **kwargs):
        for stream in event.streams.values():
            if stream.length < 2:
                return None
            blob = stream.frames[1]
            return float(np.frombuffer(getattr(blob, "buffer", blob), np.uint16)[:64].mean())
        return None

    def __init__(self, *args, **kwargs):
        pass


class SumReducer:
    def __init__(self, *args, **kwargs):
        self.total = 0.0

    def process_result(self, result, parameters=None):
        self.total += result.payload
