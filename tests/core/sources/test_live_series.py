"""Each protocol from the sender to events: of a simulated detector, and of a real one whose capture is played."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.core.sources.live import STREAM, TIMEOUT, Scan, sending

from dranspose import raw_capture
from dranspose.event import StreamData
from dranspose.middlewares import albaem, eiger_legacy, lecroy, sardana, stream2
from dranspose.simulate import albaem as simulated_albaem
from dranspose.simulate import eiger_legacy as simulated_eiger
from dranspose.simulate import lecroy as simulated_lecroy
from dranspose.simulate import sardana as simulated_sardana
from dranspose.simulate import stream2 as simulated_stream2
from dranspose.simulate.images import pattern
from dranspose.sources.albaem import AlbaemSource
from dranspose.sources.eiger_legacy import EigerLegacySource
from dranspose.sources.lecroy import LecroySource
from dranspose.sources.matching import MatchCounts, Phase
from dranspose.sources.sardana import SardanaSource
from dranspose.sources.stream2 import Stream2Source
from dranspose.sources.zmq_source import ZmqSource

EVENTS = 20
SHAPE = (17, 13)


class Protocol(NamedTuple):
    source: type[ZmqSource]
    messages: Callable[[int], Iterable[list[bytes]]]
    parse: Callable[[StreamData], Any]
    number_of: Callable[[Any], Any]
    """The image that a parsed message is, from 0, as its content tells."""
    publish: bool = False
    messages_before: int = 1
    """All images."""
    capture: str = ""
    captured_events: int = 0


def first_pixel(image: Any) -> Any:
    return image[0, 0] if np.array_equal(image, pattern(SHAPE, image.dtype.name, image[0, 0])) else None


PROTOCOLS = {
    "eiger_legacy": Protocol(
        EigerLegacySource,
        lambda images: simulated_eiger.messages(images, SHAPE),
        eiger_legacy.parse,
        lambda image: first_pixel(image.pixels),
        capture="eiger-small.cbors",
        captured_events=3,
    ),
    "eiger_legacy, lz4, with appendix": Protocol(
        EigerLegacySource,
        lambda images: simulated_eiger.messages(images, SHAPE, "uint16", "lz4", "basic", appendix="more"),
        eiger_legacy.parse,
        lambda image: first_pixel(image.pixels) if image.appendix == "more" else None,
    ),
    "stream2": Protocol(
        Stream2Source,
        lambda images: simulated_stream2.messages(images, SHAPE, thresholds=2),
        stream2.parse,
        lambda image: first_pixel(image.data["threshold_2"]) - 1,
    ),
    "stream2, large and uncompressed": Protocol(
        Stream2Source,
        lambda images: simulated_stream2.messages(images, (300, 300), compression="none"),
        stream2.parse,
        lambda image: image.data["threshold_1"][0, 0],
    ),
    "albaem": Protocol(
        AlbaemSource,
        simulated_albaem.messages,
        albaem.parse,
        lambda data: data.channel1 - 0.1,
        publish=True,
        capture="albaem-dump.cbors",
        captured_events=4,
    ),
    "lecroy, continuous": Protocol(
        LecroySource,
        simulated_lecroy.messages,
        lecroy.parse,
        lambda sequence: sequence.data[1][0, 0] - 0.4,
        publish=True,
        messages_before=2,
        capture="maui-02-continuous-3.cbor.gz",
        captured_events=2,
    ),
    "lecroy, sequential": Protocol(
        LecroySource,
        lambda sequences: simulated_lecroy.messages(sequences, triggers=3),
        lecroy.parse,
        lambda sequence: sequence.seqno if sequence.data[0].shape == (3, 1000) else None,
        publish=True,
    ),
}


def all_delivered(events: int) -> MatchCounts:
    return MatchCounts(delivered=events + 2)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_simulated_series(protocol: Protocol) -> None:
    with sending(protocol.messages(EVENTS), publish=protocol.publish) as url:
        scan = Scan(protocol.source(STREAM, [url]), EVENTS).run()
    assert (scan.matcher.counts, scan.skipped) == (all_delivered(EVENTS), [])
    images = [protocol.number_of(image) for image in [*scan.parsed(protocol.parse).values()][1:-1]]
    assert images == pytest.approx(range(EVENTS))


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_two_series_with_nonsense_between_and_a_gap(protocol: Protocol) -> None:
    def messages() -> Iterable[Sequence[bytes]]:
        whole = list(protocol.messages(EVENTS))
        begin = protocol.messages_before
        of_each = (len(whole) - 1 - begin) // EVENTS
        before, after = whole[: begin + 5 * of_each], whole[begin + 6 * of_each :]
        return chain([[b"\x00 nonsense"]], before, [[b"{}"], [b"[]", b"", b""], [b""]], after, protocol.messages(2))

    with sending(messages(), publish=protocol.publish) as url:
        scan = Scan(protocol.source(STREAM, [url]), EVENTS).run()
    assert [message.first_bytes for message in scan.skipped] == [b"\x00 nonsense", b"{}", b"[]", b""]
    assert (scan.matcher.counts.delivered, scan.missing) == (EVENTS + 1, [(6, 6)])
    images = {event: protocol.number_of(image) for event, image in [*scan.parsed(protocol.parse).items()][1:-1]}
    assert images == pytest.approx({event: event - 1 for event in range(1, EVENTS + 1) if event != 6})


@pytest.mark.parametrize("protocol", [p for p in PROTOCOLS.values() if p.capture], ids=lambda p: p.capture)
def test_the_capture_of_a_real_detector(captures: Path, protocol: Protocol) -> None:
    with sending(raw_capture.read(captures / protocol.capture), publish=protocol.publish) as url:
        scan = Scan(protocol.source(STREAM, [url]), protocol.captured_events).run()
    assert (scan.matcher.counts, scan.skipped) == (all_delivered(protocol.captured_events), [])
    assert len(scan.parsed(protocol.parse)) == protocol.captured_events + 2


def test_a_simulated_sardana() -> None:
    source = SardanaSource(STREAM, ["http://127.0.0.1:0"])
    scan = Scan(source, EVENTS)
    posted: list[Future[int]] = []
    with ThreadPoolExecutor() as pool:

        def is_over(scan: Scan) -> bool:
            if not posted:
                assert source.listens_at
                posted.append(pool.submit(simulated_sardana.post, EVENTS, source.listens_at, threading.Event()))
            return scan.matcher.phase is Phase.OVER

        scan.run(is_over)
        assert posted[0].result(TIMEOUT) == EVENTS + 2
    assert (scan.matcher.counts, scan.skipped) == (all_delivered(EVENTS), [])
    _, *records, _ = scan.parsed(sardana.parse).values()
    assert [(record.point_nb, record.mot01) for record in records] == [(point, point / 10) for point in range(EVENTS)]
