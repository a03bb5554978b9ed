"""The frames of an Xspress3 become spectra with their counters."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.data.message import MalformedFrameError
from dranspose.data.xspress3 import META, XspressEnd, XspressImage, XspressStart
from dranspose.event import StreamData
from dranspose.middlewares.xspress import parse
from dranspose.simulate.player import messages

HEADER = {"htype": "header", "filename": "/data/raw.h5"}
IMAGE = {"htype": "image", "frame": 3, "shape": [2, 4], "type": "uint32"}
SPECTRA = np.arange(8, dtype=np.uint32).reshape(2, 4)
COUNTERS = [np.full(2, i) for i in range(len(META))]


def xspress(header: object, *frames: bytes) -> StreamData:
    return StreamData("xspress", [json.dumps(header).encode(), *frames])


def test_the_capture(captures: Path) -> None:
    [header], *parts, [end] = messages(captures / "xspress3-dump.cbors")
    start = parse(StreamData("xspress", [header]))
    assert isinstance(start, XspressStart)
    assert start.filename.endswith("/raw/dummy/scan_000002_xspress3.hdf5")
    assert start.overwritable is False
    assert isinstance(parse(StreamData("xspress", [end])), XspressEnd)
    images: Any = [parse(StreamData("xspress", [part for [part] in parts[i : i + 3]])) for i in range(0, 60, 3)]
    assert [image.frame for image in images] == list(range(20))
    for image in images:
        assert (image.data.shape, image.data.dtype, image.exptime) == ((4, 4096), np.uint32, 0.099999875)
        assert tuple(image.meta) == META
    assert sum(int(image.data.sum()) for image in images) == 47
    assert images[0].data.sum(axis=1).tolist() == [0, 0, 0, 1]
    assert images[-1].data.sum(axis=1).tolist() == [0, 1, 0, 2]
    np.testing.assert_array_equal(images[0].meta["AllEvents"], np.array([2, 0, 0, 3], np.uint32), strict=True)
    np.testing.assert_array_equal(
        images[-1].meta["dtc"], [1.0, 1.00000175000525, 1.0, 1.0000297509222786], strict=False
    )


def test_what_older_senders_leave_out() -> None:
    image = parse(xspress(IMAGE, SPECTRA.tobytes(), pickle.dumps(COUNTERS)))
    assert isinstance(image, XspressImage)
    assert (image.exptime, image.compression) == (1, "none")
    np.testing.assert_array_equal(image.data, SPECTRA, strict=True)
    assert {name: values[0] for name, values in image.meta.items()} == {name: i for i, name in enumerate(META)}


def test_in_another_compression_there_is_no_data() -> None:
    image = parse(xspress({**IMAGE, "compression": "zstd"}, b"", pickle.dumps(COUNTERS)))
    assert not hasattr(image, "data")


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("STINS", [b"{}"]), "a stream of type 'STINS' is not xspress"),
        (StreamData("xspress", []), "a xspress message has at least one frame"),
        (StreamData("xspress", [b"{"]), "frame 0 is not JSON"),
        (xspress({}), "an Xspress3 has no message with htype None"),
        (xspress({"htype": "dark"}), "an Xspress3 has no message with htype 'dark'"),
        (xspress({"htype": "header"}), "XspressStart lacks the field 'filename'"),
        (xspress(IMAGE), "has 3 frames, not 1"),
        (xspress(IMAGE, b"", b"", b""), "has 3 frames, not 4"),
        (xspress(IMAGE, SPECTRA.tobytes()[:-1], pickle.dumps(COUNTERS)), "frame 3: a blob of 31 bytes"),
        (xspress({**IMAGE, "shape": [2**40]}, b"", pickle.dumps(COUNTERS)), "frame 3: a blob of 0 bytes"),
    ],
)
def test_what_is_refused(stream: StreamData, reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        parse(stream)


@pytest.mark.parametrize(
    ("counters", "reason"),
    [
        (pickle.dumps(COUNTERS[:7]), "frame 3: its counters are no list of ocr, AllEvents"),
        (pickle.dumps(tuple(COUNTERS)), "frame 3: its counters are no list of ocr, AllEvents"),
        (b"counters", "frame 3: its counters are no pickle of arrays"),
        (b"cposix\nabort\n)R.", "names posix.abort"),
    ],
)
def test_counters_that_are_none_are_refused_when_they_are_wanted(counters: bytes, reason: str) -> None:
    image = parse(xspress(IMAGE, SPECTRA.tobytes(), counters))
    assert isinstance(image, XspressImage)
    np.testing.assert_array_equal(image.data, SPECTRA)
    with pytest.raises(MalformedFrameError, match=reason):
        _ = image.meta


@given(st.lists(st.binary(max_size=50), max_size=4))
def test_any_bytes_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(MalformedFrameError):
        parse(StreamData("xspress", frames))
