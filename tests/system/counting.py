"""An analysis that counts: each worker returns what it got, the reducer writes how often each event came to it."""

import ctypes
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

from dranspose.data.stream1 import Stream1Data
from dranspose.middlewares.stream1 import parse
from dranspose.parameters import FloatParameter, IntParameter, StrParameter


class CountingWorker:
    """Returns the index of each image; slow, and deadly, as parameters tell."""

    stateless = True

    def __init__(self, state, **kwargs):
        self.name = state.name

    @staticmethod
    def describe_parameters():
        return [
            FloatParameter(name="seconds", description="that each event takes"),
            IntParameter(name="deadly", default=-1, description="event that kills its worker"),
            IntParameter(name="greedy", default=-1, description="event that holds the interpreter's lock for 10 s"),
            StrParameter(name="slow", description="worker that takes 100 times as long as the others"),
            FloatParameter(name="reducing", description="seconds that each result takes"),
        ]

    def process_event(self, event, parameters):
        if event.event_number == parameters["deadly"].value:
            os.kill(os.getpid(), signal.SIGKILL)
        if event.event_number == parameters["greedy"].value:
            ctypes.PyDLL(None).usleep(10_000_000)
        if parameters["seconds"].value:
            time.sleep(parameters["seconds"].value * (100 if self.name == parameters["slow"].value else 1))
        images = {}
        for name, stream in event.streams.items():
            message = parse(stream)
            if isinstance(message, Stream1Data):
                images[name] = int(message.data.flat[0])
        return (self.name, images) if images else None


class SummingWorker(CountingWorker):
    """Keeps the numbers of its events to itself until the end packet."""

    stateless = False

    def __init__(self, state, **kwargs):
        super().__init__(state, **kwargs)
        self.mine = []

    def process_event(self, event, parameters):
        result = super().process_event(event, parameters)
        if result is not None:
            self.mine.append(event.event_number)
            return None
        return (self.name, self.mine) if self.mine else None


class TickingWorker(CountingWorker):
    """Writes down that there was a tick; it should come once in a scan, but the first worker to get it is killed."""

    @staticmethod
    def get_tick_interval():
        return 1e6

    def process_event(self, event, parameters, tick):
        if tick and not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if tick:
            with Path("ticks").open("a") as ticks:
                ticks.write(f"{self.name}\n")
        return super().process_event(event, parameters)


class CountingReducer:
    """Writes ``results.json`` at the end: how often each event came, what images it had, and who did how many."""

    def __init__(self, *args, **kwargs):
        self.times = Counter()
        self.images = {}
        self.workers = Counter()
        self.hashes = {}

    def process_result(self, result, parameters=None):
        time.sleep(parameters["reducing"].value)
        name, content = result.payload
        self.workers[name] += 1
        self.hashes[result.event_number] = result.parameters_hash
        if isinstance(content, list):
            self.times.update(content)
        else:
            self.times[result.event_number] += 1
            self.images[result.event_number] = content

    def finish(self, parameters=None):
        found = {"times": self.times, "images": self.images, "workers": self.workers, "hashes": self.hashes}
        Path("results.json").write_text(json.dumps(found))
