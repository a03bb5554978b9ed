"""A detector's messages played on a real socket, and a scan of one stream that a source reads from it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import zmq

from dranspose.event import Frame, StreamData
from dranspose.protocol import StreamName
from dranspose.simulate.player import play
from dranspose.sources.matching import FrameMatcher, Phase
from dranspose.sources.packet import Packet, Skipped
from dranspose.sources.source import Source
from dranspose.triggermap import TriggerMap

TIMEOUT = 30  # seconds
STREAM = StreamName("detector")


@contextmanager
def running(simulate: Callable[[threading.Event, Callable[[str], None]], Any]) -> Iterator[str]:
    """Run a simulated detector, given what stops it and what to call once it can be connected to; yield its URL."""
    stop = threading.Event()
    bound: queue.Queue[str] = queue.Queue()
    with ThreadPoolExecutor() as pool:
        try:
            done = pool.submit(simulate, stop, bound.put)
            yield bound.get(timeout=TIMEOUT)
        finally:
            stop.set()
        done.result(TIMEOUT)


def publishing(messages: Iterable[Sequence[Frame]]) -> Any:
    """Run a detector that publishes these messages to whom subscribes."""
    return sending(messages, publish=True)


def sending(messages: Iterable[Sequence[Frame]], *, publish: bool = False) -> Any:
    """Run a detector that pushes these messages, or publishes them."""
    return running(lambda stop, bound: play(messages, "tcp://127.0.0.1:*", stop, publish=publish, bound=bound))


class Scan:
    """What a scan of one stream gets from a source: frames by their event, runs of missing events, and skips.

    With the start and end packet it has `images` + 2 events.
    """

    def __init__(self, source: Source, images: int) -> None:
        self.source = source
        self.matcher = FrameMatcher(
            TriggerMap.from_json({"uniform": {"streams": [STREAM], "events": images}}),
            STREAM,
            connections=source.connections,
            several_series=source.several_series,
        )
        self.frames: dict[int, StreamData] = {}
        self.missing: list[tuple[int, int]] = []
        self.skipped: list[Skipped] = []

    def run(self, until: Callable[[Scan], bool] = lambda scan: scan.matcher.phase is Phase.OVER) -> Scan:
        """Read until the series is over, or something else is true; return the scan."""
        given_up = time.monotonic() + TIMEOUT
        with zmq.Context() as context:
            self.source.open(context)
            while not until(self):
                assert time.monotonic() < given_up, f"not over: {self.matcher.counts} {self.skipped}"
                for packet in self._read():
                    if isinstance(packet, Skipped):
                        self.skipped.append(packet)
                        continue
                    matched = self.matcher.take(packet)
                    assert not self.frames.keys() & {event for event, _ in matched.frames}
                    self.frames.update(matched.frames)
                    self.missing += matched.missing
            self.source.close()
        return self

    def _read(self) -> list[Packet | Skipped]:
        poller = zmq.Poller()
        for socket in self.source.sockets:
            poller.register(socket, zmq.POLLIN)
        ready = {readable for readable, _ in poller.poll(TIMEOUT * 1000)}
        assert ready, f"nothing came after {self.matcher.counts} {self.skipped}"
        read: list[Packet | Skipped] = []
        for socket in self.source.sockets:
            if (socket if isinstance(socket, zmq.Socket) else socket.fileno()) in ready:
                read += self.source.read(socket, 50)
        return read

    def parsed(self, parse: Callable[[StreamData], Any]) -> dict[int, Any]:
        """Return the messages that the frames are, by their event."""
        return {event: parse(data) for event, data in sorted(self.frames.items())}
