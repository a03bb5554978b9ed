"""Control messages on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.messages import (
    NO_SCAN,
    PIECE_BYTES,
    Arm,
    Done,
    IngesterHello,
    Message,
    MessageError,
    Parameters,
    Peers,
    Ping,
    Welcome,
    WorkerHello,
    decode,
    encode,
    encode_in_pieces,
)
from dranspose.dataplane.statistics import (
    IngesterCounts,
    IngesterStatistics,
    RecordingStatus,
    ReducerCounts,
    ReducerStatistics,
    TimeShares,
    WorkerCounts,
    WorkerStatistics,
)
from dranspose.parameters import BinaryParameter, BoolParameter, FloatParameter, IntParameter, StrParameter
from dranspose.scheduling.instructions import Bind, Release
from dranspose.scheduling.stimuli import Finished, Outcome
from dranspose.sources.matching import MatchCounts

SCAN = bytes(range(16))


@pytest.mark.parametrize(
    "message",
    [
        Ping(),
        IngesterHello("ingester", ("tcp://127.0.0.1:1",), ("xrd", "pcap")),
        Peers({"ingester:1": ("tcp://a",)}, {}),
        WorkerHello(
            "worker",
            ("generic",),
            False,
            (
                IntParameter(name="till_x", default=2, description="of the image"),
                IntParameter(name="rows", default=2**70, unit="px", minimum=0, maximum=2**80),
                FloatParameter(name="scale", default=1e300, maximum=float("inf")),
                StrParameter(name="µ", default="µm"),
                BoolParameter(name="on", default=True),
                BinaryParameter(name="poni", default=b"\x00\xff"),
            ),
        ),
        Parameters(3, {"poni": ("binary", b"\x00\xff")}),
        Welcome("no"),
        IngesterStatistics(
            b"",
            IngesterCounts(packets=3),
            {"xrd": MatchCounts(delivered=2)},
            10,
            1,
            RecordingStatus("a.cbors", is_open=True, events=3),
            ("tcp://detector:9999",),
            0.5,
            1.0,
            0.0,
            0.0,
        ),
        WorkerStatistics(SCAN, WorkerCounts(results=1), TimeShares(0.5, 0.5), 2, 4, 1.5, 3.0, 0.0, 0.01),
        ReducerStatistics(SCAN, ReducerCounts(twice=1), TimeShares(), 0, 0.0, 0.0),
        Arm({"parts": {"main": {"offsets": b"\x01"}}}, 0),
        Done(((1, 5, 0), (7, 7, 2))),
        Bind(0, 9, "worker:1", 3, ((4, 5),)),
        Release(((0, 100),)),
        *(Finished("worker:1", ((1, 2),), outcome, 0.5, 1) for outcome in Outcome),
    ],
)
@pytest.mark.parametrize("scan", [NO_SCAN, SCAN])
def test_messages_come_out_as_they_went_in(message: Message, scan: bytes) -> None:
    assert decode(encode(message, scan)) == (scan, message)


@given(st.binary(max_size=60))
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(MessageError):
        decode(data)


def test_a_message_with_other_fields_is_refused() -> None:
    import msgpack

    for content in (
        ["Ping", SCAN, 1],
        ["Bind", SCAN],
        ["Nothing", SCAN],
        [["Ping"], SCAN],
        ["Ping"],
        ["Ping", 1],
        ["Done", SCAN, [[1, 2]]],
        ["Done", SCAN, [[1, 2, "0"]]],
        ["IngesterHello", NO_SCAN, "ingester", "tcp://a", ["xrd"]],
        ["Started", SCAN, "worker:1", None, 0],
        ["Peers", NO_SCAN, {"ingester": ["tcp://a"]}, {1: ["tcp://b"]}],
    ):
        with pytest.raises(MessageError):
            decode(msgpack.packb(content))


@pytest.mark.parametrize("more", [-100, 1, PIECE_BYTES, 3 * PIECE_BYTES])
def test_a_long_message_goes_in_pieces(more: int) -> None:
    message = Parameters(1, {"mask": ("binary", bytes(PIECE_BYTES + more))})
    pieces = encode_in_pieces(message, SCAN)
    if more < 0:
        assert pieces == [encode(message, SCAN)]
        return
    decoded = [decode(piece)[1] for piece in pieces]
    assert [piece.is_last for piece in decoded] == [False] * (len(pieces) - 1) + [True]
    assert decode(b"".join(piece.data for piece in decoded)) == (SCAN, message)
    assert all(0 < len(piece.data) <= PIECE_BYTES for piece in decoded)
