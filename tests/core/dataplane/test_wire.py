"""Frames and results on the wire: what goes in comes out, small pieces together and large ones apart."""

import msgpack
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.messages import Ping, encode
from dranspose.dataplane.wire import (
    PickledResult,
    Results,
    Share,
    Shares,
    WireError,
    decode_results,
    decode_shares,
    encode_results,
    encode_shares,
)
from dranspose.event import StreamData
from dranspose.multipart import COPIED_BELOW

SCAN = bytes(16)
numbers = st.integers(0, 2**63 - 1)
pieces = st.lists(st.binary(max_size=20) | st.just(bytes(COPIED_BELOW)), max_size=4)
data = st.none() | st.builds(StreamData, st.sampled_from(["STINS", "PCAP"]), pieces)
shares = st.lists(st.builds(Share, numbers, numbers, st.integers(1, 8), st.booleans(), data), max_size=5)
results = st.lists(st.builds(PickledResult, numbers, numbers, numbers, pieces), max_size=5)


@given(shares)
def test_shares_come_out_as_they_went_in(given_shares: list[Share]) -> None:
    message = Shares(SCAN, "xrd", 3, given_shares)
    assert decode_shares(encode_shares(message)) == message


@given(results)
def test_results_come_out_as_they_went_in(given_results: list[PickledResult]) -> None:
    message = Results(SCAN, given_results)
    assert decode_results(encode_results(message)) == message


def test_small_pieces_share_a_part_and_large_ones_are_not_copied() -> None:
    large = zmq.Frame(bytes(COPIED_BELOW))
    share = Share(1, 0, 1, False, StreamData("STINS", [b"head", large, b"tail"]))
    parts = encode_shares(Shares(SCAN, "xrd", 0, [share, share]))
    assert bytes(parts[0]).count(b"head") == bytes(parts[0]).count(b"tail") == 2
    assert parts[1:] == [large, large]


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_what_is_no_message_is_refused(parts: list[bytes]) -> None:
    for decode in (decode_shares, decode_results):
        with pytest.raises(WireError):
            decode(parts)


@pytest.mark.parametrize("lacks", ["a part", "its end", "half of its numbers"])
def test_a_message_that_lacks_something_is_refused(lacks: str) -> None:
    pieces = [b"piece", bytes(COPIED_BELOW)]
    frames = encode_shares(Shares(SCAN, "xrd", 0, [Share(1, 0, 1, False, StreamData("STINS", list(pieces)))]))
    results = encode_results(Results(SCAN, [PickledResult(1, 0, 0, pieces)]))
    for decode, (first, large) in ((decode_shares, frames), (decode_results, results)):
        whole = bytes(first)
        lacking = {"a part": [whole], "its end": [whole[:-1], large], "half of its numbers": [whole[:20], large]}
        with pytest.raises(WireError):
            decode(lacking[lacks])


def test_a_message_with_something_more_is_refused() -> None:
    (frames,) = encode_shares(Shares(SCAN, "xrd", 0, [Share(1, 0, 1, False, StreamData("STINS", [b"head"]))]))
    (results,) = encode_results(Results(SCAN, [PickledResult(1, 0, 0, [b"pickle"])]))
    for decode, first in ((decode_shares, bytes(frames)), (decode_results, bytes(results))):
        for parts in ([first, b"more"], [first + b"more"]):
            with pytest.raises(WireError, match=r"1 parts follow, not 0|ExtraData"):
                decode(parts)


def test_a_control_message_is_refused() -> None:
    for decode in (decode_shares, decode_results):
        with pytest.raises(WireError):
            decode([encode(Ping(), SCAN)])


def test_ticks_that_are_no_list_are_refused() -> None:
    with pytest.raises(WireError):
        decode_shares([msgpack.packb((0, [SCAN, "xrd", 0, 5], []))])
