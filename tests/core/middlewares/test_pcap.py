"""The JSON of a PandABox's position capture becomes a message for each trigger."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.data.message import MalformedFrameError
from dranspose.data.pcap import PCAPData, PCAPEnd, PCAPStart
from dranspose.event import StreamData
from dranspose.middlewares.pcap import parse


def pcap(fields: object) -> StreamData:
    return StreamData("PCAP", [json.dumps(fields).encode()])


def test_each_message() -> None:
    start = parse(pcap({"message_id": 1, "message_type": "series-start", "arm_time": "2024-10-07T08:49:10.627Z"}))
    assert isinstance(start, PCAPStart)
    assert (start.message_id, start.version, start.arm_time) == (1, 1, "2024-10-07T08:49:10.627Z")
    data = parse(pcap({"message_type": "data", "frame_number": 4, "INENC3.VAL.Mean": 1.5, "energy": None}))
    assert isinstance(data, PCAPData)
    assert (data.frame_number, getattr(data, "INENC3.VAL.Mean"), data.energy) == (4, 1.5, None)
    assert isinstance(parse(pcap({"message_id": 9, "message_type": "series-end"})), PCAPEnd)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("PCAP_RAW", [b"{}"]), "a stream of type 'PCAP_RAW' is not PCAP"),
        (StreamData("PCAP", []), "at least one frame"),
        (StreamData("PCAP", [b'{"message_type": "data"']), "frame 0 is not JSON"),
        (pcap([]), "frame 0 is no JSON object"),
        (pcap({}), "message_type = None is that of no PCAPStart, PCAPData, PCAPEnd"),
        (pcap({"message_type": "data"}), "PCAPData lacks the field 'frame_number'"),
        (pcap({"message_type": "data", "frame_number": [1]}), r"PCAPData cannot have frame_number = \[1\]"),
        (pcap({"message_type": "series-start", "message_id": 1}), "PCAPStart lacks the field 'arm_time'"),
    ],
)
def test_what_is_refused(stream: StreamData, reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        parse(stream)


@given(st.binary(max_size=50))
def test_any_bytes_are_refused(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        parse(StreamData("PCAP", [frame]))
