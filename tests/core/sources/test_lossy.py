"""What a publisher drops, as its receiver does not read fast enough, is missing in its own events, and counted."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import zmq
from tests.core.sources.live import STREAM, TIMEOUT, Scan

from dranspose.middlewares.albaem import parse
from dranspose.simulate.albaem import messages
from dranspose.sources import zmq_source
from dranspose.sources.albaem import AlbaemSource
from dranspose.sources.matching import Phase

POINTS = 2000
PADDING = "." * 10_000
"""So that all points are more than the kernel keeps."""


def test_what_a_publisher_drops_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(zmq_source.QUEUED_MESSAGES, zmq.SUB, 1)
    start, *data, end = ([json.dumps({**json.loads(part), "padding": PADDING}).encode()] for [part] in messages(POINTS))
    started, sent, over = threading.Event(), threading.Event(), threading.Event()
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher, ThreadPoolExecutor() as pool:
        publisher.setsockopt(zmq.SNDHWM, 1)
        publisher.bind("tcp://127.0.0.1:*")

        def publish() -> None:
            publisher.recv()
            publisher.send_multipart(start)
            assert started.wait(TIMEOUT)
            for parts in data:
                publisher.send_multipart(parts)
            sent.set()
            while not over.wait(0.01):  # the end may be dropped as well
                publisher.send_multipart(end)

        def is_over(scan: Scan) -> bool:
            if scan.frames:
                started.set()
                assert sent.wait(TIMEOUT)
            return scan.matcher.phase is Phase.OVER

        published = pool.submit(publish)
        try:
            scan = Scan(AlbaemSource(STREAM, [publisher.getsockopt_string(zmq.LAST_ENDPOINT)]), POINTS).run(is_over)
        finally:
            over.set()
        published.result(TIMEOUT)
    counts = scan.matcher.counts
    assert counts.missing > 0
    assert counts.delivered + counts.missing == POINTS + 2
    assert sum(last - first + 1 for first, last in scan.missing) == counts.missing
    points = {event: message.frame_number for event, message in scan.parsed(parse).items() if 0 < event <= POINTS}
    assert points == {event: event - 1 for event in points}
