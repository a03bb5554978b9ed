"""AlbaEM messages are what the capture of a real electrometer holds, and what is none is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dranspose import raw_capture
from dranspose.data.albaem import AlbaemData, AlbaemEnd, AlbaemStart
from dranspose.data.message import MalformedFrameError
from dranspose.event import StreamData
from dranspose.middlewares.albaem import parse

DATA: dict[str, Any] = {
    "message_type": "data",
    "message_id": 2,
    "frame_number": 0,
    "timestamp": 0.5,
    "acquisition_timestamp": 5,
    **{f"channel{channel}": channel * 1e-9 for channel in range(1, 5)},
}


def albaem(fields: object) -> StreamData:
    return StreamData("albaem", [json.dumps(fields)])


def test_the_capture(captures: Path) -> None:
    messages = [parse(StreamData("albaem", parts)) for parts in raw_capture.read(captures / "albaem-dump.cbors")]
    assert [type(message) for message in messages] == [AlbaemStart, *[AlbaemData] * 4, AlbaemEnd]
    assert [message.message_id for message in messages] == [1, 2, 3, 4, 5, 6]
    _, first, _, _, last, end = messages
    assert isinstance(first, AlbaemData)
    assert isinstance(last, AlbaemData)
    assert (first.version, first.frame_number, last.frame_number) == (1, 0, 3)
    assert (first.timestamp, last.timestamp) == (7.72645192, 20.66757192)
    assert (first.acquisition_timestamp, last.acquisition_timestamp) == (1704807770443944912, 1704807783385064912)
    assert [first.channel1, first.channel2, first.channel3, first.channel4] == [
        -2.8302592615927417e-11,
        -6.091210149949596e-11,
        2.5349278603830644e-10,
        4.80528800718246e-10,
    ]
    assert last.channel4 == 4.76837158203125e-10
    assert isinstance(end, AlbaemEnd)
    assert end.detector_specific == {"read_overflow": False, "memory_overflow": False}


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("STINS", [json.dumps(DATA)]), "'STINS' is not albaem"),
        (StreamData("albaem", []), "at least one frame"),
        (StreamData("albaem", [json.dumps(DATA)[:-1]]), "not JSON"),
        (albaem([DATA]), "no JSON object"),
        (albaem({**DATA, "message_type": "heartbeat"}), "message_type = 'heartbeat' is that of no AlbaemStart"),
        (albaem({**DATA, "version": 2}), "version = 2"),
        (albaem({**DATA, "channel3": "much"}), "channel3 = 'much'"),
        (albaem({name: value for name, value in DATA.items() if name != "timestamp"}), "lacks the field 'timestamp'"),
        (albaem({"message_type": "series-end", "message_id": "6"}), "message_id = '6'"),
    ],
)
def test_what_is_no_message_is_refused(stream: StreamData, reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        parse(stream)
