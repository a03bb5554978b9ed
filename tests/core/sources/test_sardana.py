"""Records come over HTTP or are pushed; those that are none are refused, counted, and told to their sender."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator

import httpx
import pytest
import zmq
from tests.core.sources.live import STREAM, Scan

from dranspose.data.sardana import HTTP_PATHS
from dranspose.simulate.sardana import records
from dranspose.sources import sardana
from dranspose.sources.matching import MatchCounts
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.sardana import SardanaSource
from dranspose.sources.source import SourceError


@pytest.fixture
def source() -> Iterator[SardanaSource]:
    """Return a source that is open and listens."""
    source = SardanaSource(STREAM, ["http://127.0.0.1:0"])
    with zmq.Context() as context:
        source.open(context)
        yield source
        source.close()


def post(source: SardanaSource, path: str, content: bytes, **headers: str) -> httpx.Response:
    assert source.listens_at
    return httpx.post(source.listens_at + path, content=content, headers=headers, timeout=30)


def read(source: SardanaSource, limit: int = 100) -> list[Packet | Skipped]:
    return source.read(source.sockets[0], limit)


def test_records_over_http(source: SardanaSource) -> None:
    for record in records(2):
        assert post(source, HTTP_PATHS[record["type"]][1:], json.dumps(record).encode()).status_code == 200
    assert post(source, "v1/custom_data", b"whatever").status_code == 200
    packets = [packet for packet in read(source) if isinstance(packet, Packet)]
    assert [(packet.kind, packet.number) for packet in packets] == [
        (PacketKind.START, 0),
        (PacketKind.FRAME, 1),
        (PacketKind.FRAME, 2),
        (PacketKind.END, 3),
    ]
    assert [json.loads(bytes(packet.data.frames[0])) for packet in packets] == [*records(2)]
    assert read(source) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\x80\x04}.", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no type of DataDescription"),
        (b'{"type": ["RecordEnd"]}', "no type of DataDescription"),
    ],
)
def test_what_is_no_record_is_told_to_the_sender_and_counted(
    source: SardanaSource, content: bytes, reason: str
) -> None:
    assert post(source, "v1/record_data", content).status_code == 400
    [skipped] = read(source)
    assert isinstance(skipped, Skipped)
    assert reason in skipped.reason
    assert source.skipped == 1


def test_a_record_that_is_too_long_is_refused(source: SardanaSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sardana, "MAX_BYTES", 100)
    assert post(source, "v1/record_data", b" " * 101).status_code == 413
    assert read(source) == []


def test_web_pages_are_refused(source: SardanaSource) -> None:
    assert post(source, "v1/record_end", b'{"type": "RecordEnd"}', Origin="http://elsewhere").status_code == 403
    assert read(source) == []


def test_records_that_nobody_reads_are_refused_in_the_end(source: SardanaSource) -> None:
    def push_on() -> None:
        for _ in pushed:
            source.push(b'{"type": "RecordEnd"}')

    pushed = itertools.count()
    with pytest.raises(SourceError, match="65536 wait already"):
        push_on()
    taken = next(pushed) - 1
    assert len(read(source, taken + 1)) == taken
    source.push(b'{"type": "RecordEnd"}')
    assert len(read(source)) == 1


def test_a_scan_of_pushed_records_with_a_gap() -> None:
    source = SardanaSource(STREAM, [])
    with pytest.raises(SourceError, match="no scan takes it"):
        source.push(b"{}")
    unsent = [json.dumps(record).encode() for number, record in enumerate(records(5)) if number != 3]

    def is_over(scan: Scan) -> bool:
        while unsent:
            source.push(unsent.pop(0))
        return bool(scan.frames) and scan.matcher.counts.held == 0

    scan = Scan(source, 5).run(is_over)
    assert scan.matcher.counts == MatchCounts(delivered=6, missing=1)
    assert scan.missing == [(3, 3)]
    assert source.sockets == []


def test_records_without_a_point_number_are_counted(source: SardanaSource) -> None:
    source.push(json.dumps(next(records(0))).encode())
    for _ in range(2):
        source.push(b'{"type": "RecordData", "timestamp": 1}')
    assert [packet.number for packet in read(source) if isinstance(packet, Packet)] == [0, 1, 2]


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "http://127.0.0.1", "http://:5050", "http://a:b", "5050"])
def test_a_url_that_cannot_be_listened_at(url: str) -> None:
    source = SardanaSource(STREAM, [url])
    with zmq.Context() as context, pytest.raises(SourceError, match=f"'detector': cannot listen at {url!r}"):
        source.open(context)
    assert source.sockets == []


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, zmq.Context() as context:
        source = SardanaSource(STREAM, [f"http://127.0.0.1:{taken.getsockname()[1]}"])
        with pytest.raises(SourceError, match="cannot listen"):
            source.open(context)
