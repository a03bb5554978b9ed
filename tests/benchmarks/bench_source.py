"""A STINS source and its frame matching beside a bare loop that receives the same messages and does nothing."""

import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import TypeAlias

import zmq

from dranspose.multipart import COPIED_BELOW
from dranspose.protocol import StreamName
from dranspose.sources.matching import FrameMatcher, Phase
from dranspose.sources.packet import Packet
from dranspose.sources.stins import StinsSource
from dranspose.triggermap import TriggerMap

EIGER = StreamName("eiger")
SIZES = {"2 kB": (2048, 100_000), "8 MB": (2**23, 300)}  # bytes of a blob, images
ROUNDS = 5
READ_AT_ONCE = 256

Receive: TypeAlias = Callable[["zmq.Context[zmq.Socket[bytes]]", str, int, int], float]
"""Receive a series over a URL, of blobs of so many bytes, so many images; return seconds of this thread's CPU."""


def send(to_parent: Connection, blob_bytes: int, images: int) -> None:
    """Send a series over and over to whom connects, one for each time that the parent asks."""
    blob = bytes(blob_bytes)
    image = {"htype": "image", "shape": [blob_bytes], "type": "uint8", "compression": "none"}
    heads = [json.dumps({**image, "frame": i, "msg_number": i + 1}).encode() for i in range(images)]
    with zmq.Context() as context:
        while to_parent.recv():
            with context.socket(zmq.PUSH) as socket:
                socket.bind("tcp://127.0.0.1:*")
                to_parent.send(socket.getsockopt_string(zmq.LAST_ENDPOINT))
                socket.send(b'{"htype": "header", "filename": "", "msg_number": 0}')
                for head in heads:
                    socket.send(head, zmq.SNDMORE)
                    socket.send(blob, copy=False)
                socket.send(b'{"htype": "series_end", "msg_number": %d}' % (images + 1))


def bare(context: zmq.Context[zmq.Socket[bytes]], url: str, blob_bytes: int, images: int) -> float:
    copy = blob_bytes < COPIED_BELOW
    with context.socket(zmq.PULL) as socket:
        socket.connect(url)
        socket.recv_multipart()
        begin = time.thread_time()
        for _ in range(images + 1):
            socket.recv_multipart(copy=copy)
        return time.thread_time() - begin


def matched(context: zmq.Context[zmq.Socket[bytes]], url: str, blob_bytes: int, images: int) -> float:
    matcher = FrameMatcher(TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": images}}), EIGER)
    source = StinsSource(EIGER, [url])
    source.open(context)
    socket, _monitor = source.sockets
    begin = time.thread_time()
    while matcher.phase is not Phase.OVER:
        socket.poll()
        for packet in source.read(socket, READ_AT_ONCE):
            if isinstance(packet, Packet):
                matcher.take(packet)
    seconds = time.thread_time() - begin
    source.close()
    if matcher.counts.delivered != images + 2:
        raise SystemExit(f"not all came: {matcher.counts}")
    return seconds


METHODS: dict[str, Receive] = {"source and matching": matched, "bare recv_multipart": bare}


def measure(blob_bytes: int, images: int) -> dict[str, tuple[float, float]]:
    """Return messages per second and microseconds of CPU per message of each method, medians of all rounds."""
    here, there = multiprocessing.Pipe()
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(there, blob_bytes, images))
    sender.start()
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in METHODS}
    with zmq.Context() as context:
        for _ in range(ROUNDS):
            for name, receive in METHODS.items():  # turn by turn, so that a drift of the machine meets both
                here.send(True)
                url = here.recv()
                begin = time.perf_counter()
                cpu = receive(context, url, blob_bytes, images)
                runs[name].append((images / (time.perf_counter() - begin), 1e6 * cpu / images))
    here.send(False)
    sender.join()
    return {name: (median(rate for rate, _ in run), median(cpu for _, cpu in run)) for name, run in runs.items()}


def main() -> None:
    print(f"Receiving a STINS series from another process, median of {ROUNDS}")
    print(f"{'':34}{'messages/s':>12}{'ratio':>8}{'CPU µs':>10}")
    for label, (blob_bytes, images) in SIZES.items():
        measured = measure(blob_bytes, images)
        limit, _ = measured["bare recv_multipart"]
        for name, (rate, cpu) in measured.items():
            print(f"{label + ', ' + name:34}{rate:12.0f}{rate / limit:8.2f}{cpu:10.1f}")


if __name__ == "__main__":
    main()
