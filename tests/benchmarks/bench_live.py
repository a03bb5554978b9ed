"""The live pipeline against a plain pyzmq relay with the same hops: events per second, and latency."""

import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zmq

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.system.ensemble import Ensemble, free_url, start_detector

from dranspose.simulate.stins import StinsDetector
from dranspose.triggermap import TriggerMap

WORKERS = 2
ROUNDS = 3
processes = multiprocessing.get_context("spawn")


class MeanWorker:
    """The mean of a few pixels of each image."""

    def process_event(self, event, parameters=None):
        for stream in event.streams.values():
            if stream.length < 2:
                return None
            blob = stream.frames[1]
            return float(np.frombuffer(getattr(blob, "buffer", blob), np.uint16)[:64].mean())
        return None


class SumReducer:
    """The sum of them, and when the last one came."""

    def __init__(self, *args, **kwargs):
        self.total = 0.0

    def process_result(self, result, parameters=None):
        self.total += result.payload


class SentWorker:
    """When the detector sent each image."""

    def process_event(self, event, parameters=None):
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
        Path("latency.json").write_text(
            json.dumps([1000 * float(np.percentile(self.seconds[10:], p)) for p in (50, 99)])
        )


def live(images: int, shape: tuple[int, int], batch: int, streams: int = 1) -> float:
    """Return the seconds from arming to the last event."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ensemble(Path(folder), "bench_live:MeanWorker", "bench_live:SumReducer") as ensemble,
    ):
        names = [f"s{number}" for number in range(streams)]
        urls = {name: free_url() for name in names}
        ensemble.start_reducer()
        for name in names:
            ensemble.start_ingester(f"ingester-{name}", {name: urls[name]})
        for number in range(WORKERS):
            ensemble.start_worker(f"worker-{number}")
        ensemble.wait_for(streams, WORKERS)
        for name in names:
            ensemble.start_detector(StinsDetector(images=images, shape=shape), urls[name])
        trigger_map = TriggerMap.from_json({"uniform": {"streams": names, "events": images, "batch": batch}})
        begin = time.monotonic()
        status = ensemble.run_scan(trigger_map)
        seconds = time.monotonic() - begin
        if status.report is None or status.report.completed != images + 2:
            raise SystemExit(f"the scan is not complete: {status}")
        return seconds


def latency(images: int, rate: float) -> tuple[float, float]:
    """Return the median and the 99th percentile of the latency in ms."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ensemble(Path(folder), "bench_live:SentWorker", "bench_live:LatencyReducer") as ensemble,
    ):
        ensemble.start_reducer()
        url = free_url()
        ensemble.start_ingester("ingester", {"det": url})
        for number in range(WORKERS):
            ensemble.start_worker(f"worker-{number}")
        ensemble.wait_for(1, WORKERS)
        ensemble.start_detector(StinsDetector(images=images, shape=(32, 32), rate=rate), url)
        ensemble.run_scan(TriggerMap.from_json({"uniform": {"streams": ["det"], "events": images}}))
        median, worst = json.loads(Path(folder, "latency.json").read_text())
        return median, worst


def _relay(messages: int, url: str, relay_url: str, ready: Any) -> None:
    context: zmq.Context[Any] = zmq.Context()
    pull = context.socket(zmq.PULL)
    pull.connect(url)
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    router.bind(relay_url)
    sinks = [router.recv_multipart()[0] for _ in range(WORKERS)]
    ready.set()
    for number in range(messages):
        router.send_multipart([sinks[number // 10 % WORKERS], b"h", *pull.recv_multipart(copy=False)], copy=False)
    for sink in sinks:
        router.send_multipart([sink, b"end"])
    context.destroy(linger=10_000)


def _sink(name: str, relay_url: str, ended: Any) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt_string(zmq.IDENTITY, name)
        socket.connect(relay_url)
        socket.send(b"")
        while len(socket.recv_multipart(copy=False)) > 1:
            pass
    ended.put(time.monotonic())


def relay(images: int, shape: tuple[int, int]) -> float:
    """Return the seconds that plain pyzmq takes: detector, one relay, two receivers."""
    ready, ended = processes.Event(), processes.Queue()
    url, relay_url = free_url(), free_url()
    running = [processes.Process(target=_sink, args=(f"w{number}", relay_url, ended)) for number in range(WORKERS)]
    running.append(processes.Process(target=_relay, args=(images + 2, url, relay_url, ready)))
    detector = start_detector(StinsDetector(images=images, shape=shape), url)
    for process in running:
        process.start()
    ready.wait()
    begin = time.monotonic()
    seconds = max(ended.get() for _ in range(WORKERS)) - begin
    for process in (detector, *running):
        process.join()
    return seconds


def main() -> None:
    """Print the table."""
    print(f"live, {WORKERS} workers, a result for every event; best of {ROUNDS}; {os.cpu_count()} processors")
    print(f"{'':24}{'events/s':>10}{'MB/s':>8}{'relay':>10}{'ratio':>8}")
    for text, images, shape, batch in (
        ("2 kB, batch 10", 40_000, (32, 32), 10),
        ("2 kB, batch 1", 40_000, (32, 32), 1),
        ("8 MB, batch 10", 400, (2048, 2048), 10),
    ):
        pairs = [(live(images, shape, batch), relay(images, shape)) for _ in range(ROUNDS)]
        ours, plain = (images / min(side) for side in zip(*pairs, strict=True))
        rate = ours * shape[0] * shape[1] * 2 / 1e6
        print(f"{text:24}{ours:10.0f}{rate:8.0f}{plain:10.0f}{ours / plain:8.2f}", flush=True)
    one = max(20_000 / live(20_000, (32, 32), 10) for _ in range(ROUNDS))
    eight = max(8 * 5_000 / live(5_000, (32, 32), 10, streams=8) for _ in range(ROUNDS))
    print(f"8 streams of 2 kB joined: {eight:.0f} frames/s, {eight / one:.2f} of one stream's")
    found = [latency(1000, 100.0) for _ in range(ROUNDS)]
    print(
        "latency at 100 Hz, 2 kB: median {:.2f} ms, 99 % {:.2f} ms".format(
            *(statistics.median(s) for s in zip(*found, strict=True))
        )
    )


if __name__ == "__main__":
    main()
