"""STINS frames become messages as the tutorial prints them, and frames that are none are refused with the reason."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from dranspose.capture import CaptureReader
from dranspose.data.message import MalformedFrameError
from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start
from dranspose.event import Frame, StreamData
from dranspose.middlewares.stream1 import is_image, parse

START = {"htype": "header", "filename": "", "msg_number": 0}
IMAGE = {"htype": "image", "frame": 0, "shape": [2, 3], "type": "uint16", "compression": "none", "msg_number": 1}
END = {"htype": "series_end", "msg_number": 2}
PIXELS = np.arange(6, dtype=np.uint16).reshape(2, 3)


def stins(header: object, *frames: Frame) -> StreamData:
    return StreamData("STINS", [header if isinstance(header, bytes) else json.dumps(header), *frames])


def refusal(stream: StreamData) -> str:
    with pytest.raises(MalformedFrameError) as error:
        parse(stream)
    return str(error.value)


def test_a_start_prints_as_in_the_tutorial():
    start = parse(stins(START))
    assert type(start) is Stream1Start
    assert str(start) == "msg_number=0 htype='header' filename=''"


def test_an_image_prints_as_in_the_tutorial():
    image = parse(stins(IMAGE, PIXELS.tobytes()))
    assert type(image) is Stream1Data
    assert str(image) == (
        "msg_number=1 htype='image' frame=0 shape=[2, 3] type='uint16' compression='none' "
        "data=array([[0, 1, 2],\n       [3, 4, 5]], dtype=uint16)"
    )


def test_an_end():
    end = parse(stins(END))
    assert type(end) is Stream1End
    assert str(end) == "msg_number=2 htype='series_end'"


def test_the_capture_of_the_tutorial(captures):
    start, *images, end = [parse(m.streams["xrd"]) for m in CaptureReader(captures / "dump_xrd.cbors")]
    assert start.filename == "output/xrd.h5"
    assert [np.mean(image.data[:2, 8:]) for image in images] == [9.25, 11.25, 11.75, 4.25, 2.25, 3.0, 4.75, 7.75, 10.75]
    assert type(end) is Stream1End


def test_a_start_may_have_a_second_frame():
    assert parse(stins(START, b'{"exptime": 0.1}')).msg_number == 0


def test_unknown_fields_are_kept():
    header = {**IMAGE, "exposure_time": 0.1, "timestamps": {"dcu": "2025-01-02T03:04:05"}}
    image = parse(stins(header, PIXELS.tobytes()))
    assert image.exposure_time == 0.1
    assert image.timestamps == {"dcu": "2025-01-02T03:04:05"}


def test_a_header_in_a_zmq_frame():
    assert parse(StreamData("STINS", [zmq.Frame(json.dumps(START).encode())])).filename == ""


def test_an_image_in_several_blobs_is_accepted():
    image = parse(stins({**IMAGE, "x": [0, 0]}, b"1", b"2", b"3", b"4"))
    assert image.blobs == [b"1", b"2", b"3", b"4"]
    assert not hasattr(image, "data")


def test_a_compressed_image_is_left_compressed():
    image = parse(stins({**IMAGE, "compression": "bslz4"}, b"not yet looked at"))
    with pytest.raises(MalformedFrameError, match="image 0"):
        _ = image.data


def test_blobs_in_the_header_do_not_take_the_place_of_the_frames():
    assert parse(stins({**IMAGE, "blobs": ["x"]}, PIXELS.tobytes())).blobs == [PIXELS.tobytes()]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("EIGER_LEGACY", [json.dumps(START)]), "a stream of type 'EIGER_LEGACY' is not STINS"),
        (StreamData("STINS", []), "a STINS message has at least one frame"),
        (stins(IMAGE), "a STINS image has at least two frames"),
        (stins({**END, "htype": "footer"}), "STINS has no message with htype 'footer'"),
        (stins({"msg_number": 1}), "frame 0 lacks the field 'htype'"),
        (stins([END]), "frame 0 is no JSON object: [{'htype': 'series_end', 'msg_number': 2}]"),
        (stins(IMAGE, PIXELS.tobytes()[:-1]), "image 0: a blob of 11 bytes is no uint16 image of shape [2, 3]"),
        (
            stins({**IMAGE, "shape": [3, 3]}, PIXELS.tobytes()),
            "image 0: a blob of 12 bytes is no uint16 image of shape [3, 3]",
        ),
        (
            stins({**IMAGE, "type": "u1"}, PIXELS.tobytes()),
            "image 0: a blob of 12 bytes is no u1 image of shape [2, 3]",
        ),
        (stins({**IMAGE, "type": "pixels"}, PIXELS.tobytes()), "image 0: 'pixels' is no type of numbers"),
        (stins({**IMAGE, "data": 1}, PIXELS.tobytes()), "Stream1Data cannot have a field 'data'"),
    ],
)
def test_what_is_no_stins_message_is_refused_with_the_reason(stream, reason):
    assert refusal(stream) == reason


@pytest.mark.parametrize("header", [b"", b"{", b"\xff", b"\x00", b"9" * 5000, b"[" * 100_000, b'{"htype": "header"'])
def test_a_first_frame_that_is_no_json_is_refused(header):
    assert refusal(stins(header)).startswith("frame 0 is not JSON: ")


@pytest.mark.parametrize("header", [START, IMAGE, END])
def test_each_field_is_required(header):
    for name in header.keys() - {"htype"}:
        rest = {key: value for key, value in header.items() if key != name}
        assert f"lacks the field '{name}'" in refusal(stins(rest, PIXELS.tobytes()))


def test_an_image_is_known_from_its_first_frame():
    assert is_image(stins(IMAGE))
    assert is_image(stins({"htype": "image"}))
    assert not any(
        is_image(stream) for stream in (stins(START), stins(END), stins([]), stins(b"{"), StreamData("x", []))
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**62, 2**66)
    | st.floats()
    | st.text()
    | st.sampled_from(["image", "header", "none", "bslz4", "uint16", "O", "(2,,2)u2", "\ud800"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
wrong_fields = st.dictionaries(
    st.sampled_from([*IMAGE, "filename", "data", "blobs", "__class__", "extra"]), json_values, max_size=3
)
shapes = st.lists(st.integers(-2, 4) | st.sampled_from([2**31, 2**63, 2**70]), max_size=5)


@settings(max_examples=400)
@given(
    header=st.builds(lambda base, wrong: {**base, **wrong}, st.sampled_from([START, IMAGE, END]), wrong_fields)
    | st.builds(
        lambda shape, kind, compression: {**IMAGE, "shape": shape, "type": kind, "compression": compression},
        shapes,
        st.sampled_from(["uint8", "uint16", ">u4", "float64", "O"]),
        st.sampled_from(["none", "bslz4", "zstd"]),
    ),
    frames=st.lists(st.binary(max_size=40), max_size=3),
)
def test_any_header_gives_a_message_or_is_malformed(header: dict[str, Any], frames: list[bytes]):
    stream = stins(json.dumps(header).encode(errors="surrogatepass"), *frames)
    assert is_image(stream) == (header.get("htype") == "image")
    with contextlib.suppress(MalformedFrameError):
        message = parse(stream)
        assert str(message)
        if isinstance(message, Stream1Data):
            with contextlib.suppress(AttributeError):
                assert isinstance(message.data, np.ndarray)
                assert message.data.shape == tuple(message.shape)


@given(frames=st.lists(st.binary(), max_size=3))
def test_any_bytes_give_a_message_or_are_malformed(frames):
    with contextlib.suppress(MalformedFrameError):
        parse(StreamData("STINS", frames))
