"""The lines of a PandABox become values with the names of the latest header."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.data.message import MalformedFrameError
from dranspose.data.positioncap import PositionCapEnd, PositionCapField, PositionCapStart, PositionCapValues
from dranspose.event import StreamData
from dranspose.middlewares.positioncap import PositioncapParser

HEADER = b"""\
arm_time: 2024-10-07T08:49:10.627Z
missed: 0
process: Scaled
format: ASCII
fields:
 PCAP.TS_TRIG double Value scale: 8e-09 offset: 0 units: s
 INENC1.VAL double Mean scale: 1 offset: 0 units: mm
 COUNTER1.OUT uint32 Value
"""
ARMED = datetime(2024, 10, 7, 8, 49, 10, 627000, UTC)


def raw(text: bytes) -> StreamData:
    return StreamData("PCAP_RAW", [text])


@pytest.fixture
def parser() -> PositioncapParser:
    parser = PositioncapParser()
    assert parser.parse(raw(HEADER)) == PositionCapStart(ARMED)
    return parser


def test_values_have_the_names_and_types_of_the_header(parser: PositioncapParser) -> None:
    values = parser.parse(raw(b" 0.25 -1.5e-3 4000000000"))
    assert values == PositionCapValues(
        {
            "PCAP.TS_TRIG.Value": PositionCapField("PCAP.TS_TRIG.Value", "double", 0.25),
            "INENC1.VAL.Mean": PositionCapField("INENC1.VAL.Mean", "double", -0.0015),
            "COUNTER1.OUT.Value": PositionCapField("COUNTER1.OUT.Value", "uint32", 4_000_000_000),
        }
    )
    assert isinstance(values, PositionCapValues)
    assert type(values.fields["COUNTER1.OUT.Value"].value) is int
    assert ARMED + timedelta(seconds=values.fields["PCAP.TS_TRIG.Value"].value) == ARMED.replace(microsecond=877000)


def test_the_fields_of_many_arms_are_those_of_the_last(parser: PositioncapParser) -> None:
    for _ in range(3):
        parser.parse(raw(HEADER))
        assert parser.parse(raw(b"END 100 Ok")) == PositionCapEnd()
    assert len(parser.parse(raw(b" 1 2 3")).fields) == 3  # type: ignore[union-attr]
    parser.parse(raw(b"arm_time: 2024-10-07T09:00:00Z\nfields:\n COUNTER2.OUT uint32 Value\n"))
    assert parser.parse(raw(b" 7")) == PositionCapValues(
        {"COUNTER2.OUT.Value": PositionCapField("COUNTER2.OUT.Value", "uint32", 7)}
    )


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("PCAP", [b" 1 2 3"]), "a stream of type 'PCAP' is not PCAP_RAW"),
        (StreamData("PCAP_RAW", [b" 1", b" 2"]), "a PCAP_RAW message has one frame, not 2"),
        (raw(b""), "no line 'fields:'"),
        (raw(b"\xff\xfe"), "frame 0 is not text"),
        (raw(b" 1 2"), "there are 2 values of 3 fields"),
        (raw(b" 1 2 3 4"), "there are 4 values of 3 fields"),
        (raw(b" 1 2 3.5"), "a value is not what the header says"),
        (raw(b" 1 two 3"), "a value is not what the header says"),
        (raw(b" 1 2 " + b"9" * 5000), "a value is not what the header says"),
        (raw(HEADER.replace(b"arm_time", b"armed")), "no arm_time"),
        (raw(HEADER.replace(b"2024-10-07", b"yesterday ")), "arm_time is no time but 'yesterday"),
        (raw(HEADER + b" PCAP.TS_END double"), "' PCAP.TS_END double' is no field of a header"),
    ],
)
def test_what_is_refused_leaves_the_header_as_it_is(parser: PositioncapParser, stream: StreamData, reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        parser.parse(stream)
    assert len(parser.parse(raw(b" 1 2 3")).fields) == 3  # type: ignore[union-attr]


def test_values_need_a_header() -> None:
    with pytest.raises(MalformedFrameError, match="of which no header was parsed"):
        PositioncapParser().parse(raw(b" 1 2 3"))


@given(st.binary(max_size=50).filter(lambda frame: not frame.startswith(b"END ")))
def test_any_bytes_are_refused(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        PositioncapParser().parse(raw(frame))
