"""Messages of DECTRIS stream 2: arrays of all types, channels and compressions; what is none is refused."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import cbor2
import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.sources.live import STREAM

from dranspose.data.cbor_arrays import TYPES, Arrays, array_of
from dranspose.data.message import MalformedFrameError
from dranspose.data.stream2 import Stream2End, Stream2Image, Stream2Start
from dranspose.event import Frame, StreamData
from dranspose.middlewares.stream2 import SELF_DESCRIBED, parse
from dranspose.simulate.images import bslz4, lz4h5, pattern
from dranspose.simulate.stream2 import messages
from dranspose.sources.stream2 import Stream2Source

SHAPE = (6, 4)
[START], [IMAGE], [END] = messages(1, SHAPE)

# RFC 8949, appendix A, and RFC 8746, section 3.1.1: written by hand, as no encoder of ours makes it
IMAGE_BY_HAND = bytes.fromhex(
    "d9d9f7 a5"
    "6474797065 65696d616765"  # "type": "image"
    "697365726965735f6964 07"  # "series_id": 7
    "707365726965735f756e697175655f6964 6131"  # "series_unique_id": "1"
    "68696d6167655f6964 02"  # "image_id": 2
    "6464617461 a1 6b7468726573686f6c645f31"  # "data": {"threshold_1":
    "d828 82 82 02 03 d845 4c 020004000800040010000001"  # 40([[2, 3], 69(h'...')])}
)


def stream2(frame: Frame) -> Any:
    return parse(StreamData("STREAM2", [frame]))


def encoded(**fields: object) -> bytes:
    return cbor2.dumps(fields)


OF_SERIES: dict[str, Any] = {"series_id": 1, "series_unique_id": "a"}


def image_of(data: object, **fields: object) -> Any:
    return stream2(encoded(**{"type": "image", **OF_SERIES, "image_id": 0, "data": data, **fields}))


def test_an_image_written_by_hand() -> None:
    image = stream2(IMAGE_BY_HAND)
    assert isinstance(image, Stream2Image)
    assert (image.series_id, image.series_unique_id, image.image_id) == (7, "1", 2)
    np.testing.assert_array_equal(
        image.data["threshold_1"], np.array([[2, 4, 8], [4, 16, 256]], np.uint16), strict=True
    )


def test_a_series() -> None:
    [start], *images, [end] = messages(3, SHAPE, thresholds=2, series=9)
    start, end = stream2(start), stream2(zmq.Frame(end))
    assert isinstance(start, Stream2Start)
    assert isinstance(end, Stream2End)
    assert start.series_unique_id == end.series_unique_id == "simulated-9"
    assert (start.arm_date, start.channels) == (datetime(2026, 1, 1, tzinfo=UTC), ["threshold_1", "threshold_2"])
    np.testing.assert_array_equal(start.pixel_mask["threshold_2"], np.zeros(SHAPE, np.uint32), strict=True)
    for index, [frame] in enumerate(images):
        image = stream2(frame)
        assert (image.image_id, image.start_time, list(image.data)) == (index, [index, 10**6], start.channels)
        for threshold, channel in enumerate(start.channels):
            np.testing.assert_array_equal(image.data[channel], pattern(SHAPE, "uint32", index + threshold), strict=True)
            assert image.data[channel] is image.data[channel]
        assert not image.data["threshold_1"].flags.writeable


@pytest.mark.parametrize(("tag", "type_name"), TYPES.items())
def test_typed_arrays(tag: int, type_name: str) -> None:
    array = np.arange(6).astype(type_name)
    np.testing.assert_array_equal(array_of(cbor2.CBORTag(tag, array.tobytes())), array, strict=True)
    in_rows = cbor2.CBORTag(40, [[2, 3], cbor2.CBORTag(tag, array.tobytes())])
    np.testing.assert_array_equal(array_of(in_rows), array.reshape(2, 3), strict=True)


@pytest.mark.parametrize("compression", ["bslz4", "lz4"])
def test_compressed_arrays(compression: str) -> None:
    array = pattern((67, 63), "uint16", 5)
    blob = {"bslz4": bslz4, "lz4": lz4h5}[compression](array)
    typed = cbor2.CBORTag(69, cbor2.CBORTag(56500, [compression, 2, blob]))
    np.testing.assert_array_equal(array_of(cbor2.CBORTag(40, [[67, 63], typed])), array, strict=True)
    np.testing.assert_array_equal(array_of(typed), array.ravel(), strict=True)


def test_a_lookup_table_is_an_array_and_other_fields_stay() -> None:
    table = np.arange(4, dtype=np.float32)
    start = stream2(
        encoded(
            type="start",
            **OF_SERIES,
            countrate_correction_lookup_table=cbor2.CBORTag(85, table.tobytes()),
            user_data={"a": [1, {}]},
            threshold_energy={"threshold_1": 4020.5},
        )
    )
    np.testing.assert_array_equal(start.countrate_correction_lookup_table, table, strict=True)
    assert (start.user_data, start.threshold_energy) == ({"a": [1, {}]}, {"threshold_1": 4020.5})


def tagged(*parts: Any) -> Any:
    *tags, value = parts
    for tag in reversed(tags):
        value = cbor2.CBORTag(tag, value)
    return value


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "not CBOR"),
        (SELF_DESCRIBED, "not CBOR"),
        *((IMAGE[:length], "not CBOR") for length in (1, 4, 30, 100, len(IMAGE) - 1)),
        (b"\xbb" + b"\xff" * 8, "not CBOR"),
        (b"\x5b" + b"\x7f" + b"\xff" * 7, "not CBOR"),
        (b"\x81" * 100_000, "not CBOR"),
        (b"\xd8\x28" * 100_000, "not CBOR"),
        (b"\x80", "no map"),
        (cbor2.dumps({1: 2}), "no map with texts as keys"),
        (encoded(type="header"), "no start, image with data, or end"),
        (encoded(type=["start"]), "no start"),
        (encoded(type="image", **OF_SERIES, image_id=0), "no start, image with data"),
        (encoded(type="image", **OF_SERIES, image_id=0, data=b"x"), "no start, image with data"),
        (encoded(type="image", **OF_SERIES, image_id="0", data={}), "image_id = '0'"),
        (encoded(type="image", **OF_SERIES, image_id=0, data={}), "data = {}"),
        (encoded(type="image", **OF_SERIES, image_id=0, data={"threshold_1": b"x"}), "cannot have data"),
        (encoded(type="end", series_id=1), "lacks the field 'series_unique_id'"),
        (encoded(type="start", **OF_SERIES, table=tagged(85, b"123")), "not an array in CBOR"),
    ],
)
def test_what_is_no_message_is_refused(frame: bytes, reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason) as caught:
        stream2(frame)
    assert len(str(caught.value)) < 200


BOMB: list[Any] = []
for _ in range(60):
    BOMB = [BOMB, BOMB]


def test_values_that_hold_each_other_many_times_over_are_refused_at_once() -> None:
    source = Stream2Source(STREAM, ["tcp://127.0.0.1:1"])
    source.begin()
    for fields in ({"type": BOMB}, {"image_id": BOMB}, {"series_unique_id": BOMB}, {"data": BOMB}):
        frame = cbor2.dumps({"type": "image", **OF_SERIES, "image_id": 0, "data": {}, **fields}, value_sharing=True)
        assert len(frame) < 1000
        with pytest.raises(MalformedFrameError):
            stream2(frame)
        if "data" not in fields:
            with pytest.raises(MalformedFrameError):
                source.packets_of([frame], 0)


def test_a_message_has_one_frame() -> None:
    with pytest.raises(MalformedFrameError, match="one frame, not 2"):
        parse(StreamData("STREAM2", [END, END]))
    with pytest.raises(MalformedFrameError, match="'STINS' is not STREAM2"):
        parse(StreamData("STINS", [END]))


BLOB = bslz4(pattern(SHAPE, "uint32", 0))


@pytest.mark.parametrize(
    "array",
    [
        tagged(40, [[6, 4], tagged(70, 56500, ["bslz4", 4, BLOB[:-1]])]),
        tagged(40, [[6, 5], tagged(70, 56500, ["bslz4", 4, BLOB])]),
        tagged(40, [[10**9, 10**9], tagged(70, 56500, ["bslz4", 4, BLOB])]),
        tagged(70, 56500, ["bslz4", 4, (10**15).to_bytes(8, "big") + BLOB[8:]]),
        tagged(40, [[6, 4], tagged(69, 56500, ["bslz4", 4, BLOB])]),
        tagged(40, [[6, 4], tagged(70, 56500, ["zstd", 4, BLOB])]),
        tagged(40, [[6, 4], tagged(70, 56500, [["bslz4"], 4, BLOB])]),
        tagged(40, [[6, 4], tagged(70, 56500, ["bslz4", 4, "text"])]),
        tagged(40, [[6, 4], tagged(70, 56500, b"bslz4")]),
        tagged(40, [[6, 4], tagged(70, 56500, ["bslz4", 4, b""])]),
        tagged(40, [[6, 4], tagged(70, 5)]),
        tagged(40, [[6, 4], [1, 2]]),
        tagged(40, [["6", 4], tagged(70, bytes(96))]),
        tagged(40, [[6, -4], tagged(70, bytes(96))]),
        tagged(40, [6, tagged(70, bytes(96))]),
        tagged(40, 5),
        tagged(70, bytes(95)),
    ],
)
def test_an_array_that_lies_is_known_at_the_first_access(array: Any) -> None:
    image = image_of({"threshold_1": array})
    with pytest.raises(MalformedFrameError, match="not an array in CBOR"):
        _ = image.data["threshold_1"]


def test_arrays_are_made_when_they_are_wanted() -> None:
    arrays = Arrays({"good": tagged(64, b"ab"), "bad": tagged(70, b"ab")})
    assert (len(arrays), list(arrays), repr(arrays)) == (2, ["good", "bad"], "<arrays 'good', 'bad'>")
    assert arrays["good"].tolist() == [97, 98]
    with pytest.raises(KeyError):
        _ = arrays["other"]


@settings(max_examples=300)
@given(at=st.integers(0, len(IMAGE) - 1), byte=st.integers(0, 255))
def test_a_damaged_image_is_an_image_or_malformed(at: int, byte: int) -> None:
    damaged = IMAGE[:at] + bytes([byte]) + IMAGE[at + 1 :]
    with contextlib.suppress(MalformedFrameError):
        message = stream2(damaged)
        if isinstance(message, Stream2Image):
            assert all(isinstance(array, np.ndarray) for array in message.data.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_malformed(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        stream2(frame)
