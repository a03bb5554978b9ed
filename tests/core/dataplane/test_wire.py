"""Frames and results on the wire: what goes in comes out, small pieces together and large ones apart."""

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.wire import (
    OWN_PART_BYTES,
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

SCAN = bytes(16)
numbers = st.integers(0, 2**63 - 1)
pieces = st.lists(st.binary(max_size=20) | st.just(bytes(OWN_PART_BYTES)), max_size=4)
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
    large = zmq.Frame(bytes(OWN_PART_BYTES))
    share = Share(1, 0, 1, False, StreamData("STINS", [b"head", large, b"tail"]))
    parts = encode_shares(Shares(SCAN, "xrd", 0, [share, share]))
    assert parts[1] == b"headtail" * 2
    assert parts[2:] == [large, large]


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_what_is_no_message_is_refused(parts: list[bytes]) -> None:
    for decode in (decode_shares, decode_results):
        with pytest.raises(WireError):
            decode(parts)


def test_a_message_that_lacks_a_part_is_refused() -> None:
    share = Share(1, 0, 1, False, StreamData("STINS", [bytes(OWN_PART_BYTES)]))
    with pytest.raises(WireError):
        decode_shares(encode_shares(Shares(SCAN, "xrd", 0, [share]))[:-1])
