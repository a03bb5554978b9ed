"""The records that a scan sends, and how results fit into its file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import zmq

from dranspose.middlewares.sardana import parse
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.sardana import SardanaSource
from dranspose_tango.sardana.records import RecordsError, RecordsStream, description, end, point
from dranspose_tango.sardana.reducer_results import fitted


def column(name: str, *shape: int) -> Any:
    return SimpleNamespace(name=name, shape=list(shape), toDict=lambda: {"name": name, "dtype": np.dtype("f8")})


ENVIRONMENT = {
    "serialno": 7,
    "title": "ascan mot01 0 1 1 0.1",
    "starttime": datetime(2026, 1, 2, tzinfo=UTC),
    "endtime": datetime(2026, 1, 2, tzinfo=UTC),
    "deadtime": 0.5,
    "ScanDir": None,
    "ScanFile": ["scan.h5"],
    "ref_moveables": ["mot01"],
    "counters": ["tango://a/b/c/value", "image"],
    "datadesc": [column("point_nb"), column("mot01"), column("tango://a/b/c/value"), column("image", 2, 2)],
}
RECORD = SimpleNamespace(
    recordno=1, data={"mot01": np.float64(0.5), "tango://a/b/c/value": math.nan, "image": np.eye(2), "timestamp": 1.5}
)


@pytest.fixture
def source() -> Iterator[SardanaSource]:
    source = SardanaSource(StreamName("sardana"), ["http://127.0.0.1:0"])
    with zmq.Context() as context:
        source.open(context)
        yield source
        source.close()


def test_records_arrive_as_packets(source: SardanaSource) -> None:
    assert source.listens_at is not None
    stream = RecordsStream("sardana", source.listens_at)
    for record in (description(ENVIRONMENT), point(ENVIRONMENT, RECORD), end(ENVIRONMENT)):
        stream.send(record)
    packets = [packet for packet in source.read(source.sockets[0], 10) if isinstance(packet, Packet)]
    assert [(packet.kind, packet.number) for packet in packets] == [
        (PacketKind.START, 0),
        (PacketKind.FRAME, 2),
        (PacketKind.END, 3),
    ]
    start, middle, last = (vars(parse(packet.data)) for packet in packets)
    assert (start["serialno"], start["scanfile"], start["ref_moveables"]) == (7, ["scan.h5"], ["mot01"])
    assert [each["name"] for each in start["column_desc"]] == ["point_nb", "mot01", "tango://a/b/c/value"]
    assert (middle["point_nb"], middle["mot01"], middle["timestamp"]) == (1, 0.5, 1.5)
    assert math.isnan(middle["tango://a/b/c/value"])
    assert "image" not in middle
    assert last["deadtime"] == 0.5


def test_a_record_that_does_not_arrive_is_told(source: SardanaSource) -> None:
    assert source.listens_at is not None
    stream = RecordsStream("sardana", source.listens_at)
    source.close()
    with pytest.raises(RecordsError, match=f"stream sardana at {stream.url}"):
        stream.send(end(ENVIRONMENT))


def test_results_fit_the_shape_of_the_file() -> None:
    np.testing.assert_equal(fitted(np.array([1.0, 2.0, 3.0]), (2,)), [1, 2])
    np.testing.assert_equal(fitted(np.array([1.0]), (3,)), [1, np.nan, np.nan])
    np.testing.assert_equal(fitted(np.ones((1, 3)), (2, 2)), [[1, 1], [np.nan, np.nan]])
    np.testing.assert_equal(fitted(np.empty((0, 0)), (1, 2)), [[np.nan, np.nan]])
