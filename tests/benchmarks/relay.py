"""A plain pyzmq relay with the hops and processes of the live pipeline, up to the workers: what there is to reach."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

import zmq
from tests.free_ports import free_url
from tests.system.ensemble import start_detector

from dranspose.simulate.stins import StinsDetector

_processes = multiprocessing.get_context("spawn")


def _relay(messages: int, url: str, relay_url: str, ready: Any, receivers: int) -> None:
    context: zmq.Context[Any] = zmq.Context()
    pull = context.socket(zmq.PULL)
    pull.connect(url)
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    router.bind(relay_url)
    sinks = [router.recv_multipart()[0] for _ in range(receivers)]
    ready.set()
    for number in range(messages):
        router.send_multipart([sinks[number // 10 % receivers], b"h", *pull.recv_multipart(copy=False)], copy=False)
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


def relay(images: int, shape: tuple[int, int], receivers: int) -> float:
    """Return the seconds that it takes: detector, one relay, the receivers."""
    ready, ended = _processes.Event(), _processes.Queue()
    url, relay_url = free_url(), free_url()
    running = [_processes.Process(target=_sink, args=(f"w{number}", relay_url, ended)) for number in range(receivers)]
    running.append(_processes.Process(target=_relay, args=(images + 2, url, relay_url, ready, receivers)))
    detector = start_detector(StinsDetector(images=images, shape=shape), url)
    for process in running:
        process.start()
    ready.wait()
    begin = time.monotonic()
    seconds = max(ended.get() for _ in range(receivers)) - begin
    for process in (detector, *running):
        process.join()
    return seconds
