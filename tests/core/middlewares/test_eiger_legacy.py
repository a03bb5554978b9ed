"""Messages of DECTRIS stream 1 are what the capture of a real detector holds, whatever the header's detail."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from dranspose import raw_capture
from dranspose.data.eiger_legacy import EigerLegacyEnd, EigerLegacyHeader, EigerLegacyImage
from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.eiger_legacy import parse
from dranspose.simulate.eiger_legacy import messages
from dranspose.simulate.images import pattern

SHAPE = (6, 4)
HEADER, IMAGE, END = messages(1, SHAPE, appendix='{"more": 1}')


def eiger(parts: Sequence[Frame]) -> Any:
    return parse(StreamData("EIGER_LEGACY", [*parts]))


def changed(parts: Sequence[bytes], index: int, **fields: object) -> list[bytes]:
    return [*parts[:index], json.dumps({**json.loads(parts[index]), **fields}).encode(), *parts[index + 1 :]]


def test_the_capture(captures: Path) -> None:
    header, *images, end = map(eiger, raw_capture.read(captures / "eiger-small.cbors"))
    assert isinstance(header, EigerLegacyHeader)
    assert (header.header_detail, header.series) == ("all", 6)
    assert header.info is not None
    assert header.info["description"] == "Dectris EIGER2 CdTe 9M"
    assert (header.info["nimages"], header.info["bit_depth_image"], header.info["wavelength"]) == (
        3,
        32,
        1.5419002416764116,
    )
    assert header.appendix["collect_dict"]["col_id"] == 128579
    assert header.countrate_table.shape == (1001, 2)
    assert header.countrate_table.dtype == np.float32
    np.testing.assert_allclose(header.countrate_table[1], [8327.119, 8319.443])
    for cut_off in ("flatfield", "pixel_mask"):
        with pytest.raises(MalformedFrameError, match=r"a blob of 20000 bytes is no .* of shape \[3262, 3108\]"):
            getattr(header, cut_off)

    assert all(isinstance(image, EigerLegacyImage) for image in images)
    assert [(image.frame, image.series) for image in images] == [(0, 6), (1, 6), (2, 6)]
    assert [image.hash for image in images] == [
        "59bb3a04cd9d59d54e283c465036085c",
        "815e4907ce3482ec3cc4d33a1145cd44",
        "25c4ffc0f9e65563dbe499d89f545214",
    ]
    assert [image.data["size"] for image in images] == [755083, 754672, 755895]
    assert [image.config["start_time"] for image in images] == [103597359252740, 103597369252740, 103597379252740]
    assert {image.config["real_time"] for image in images} == {9999900}
    for image in images:
        assert (image.data["shape"], image.data["type"], image.data["encoding"]) == (
            [3108, 3262],
            "uint32",
            "bs32-lz4<",
        )
        assert (len(image.data["buffer"]), image.appendix) == (20000, {})
        with pytest.raises(MalformedFrameError, match=rf"image {image.frame}: 20000 bytes of bslz4 cannot hold"):
            _ = image.pixels

    assert isinstance(end, EigerLegacyEnd)
    assert end.series == 6


@pytest.mark.parametrize("compression", ["none", "lz4", "bslz4"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
def test_images_of_all_types_and_compressions(dtype: str, compression: Any) -> None:
    _, *images, _ = map(eiger, messages(3, (67, 63), dtype, compression))
    for index, image in enumerate(images):
        np.testing.assert_array_equal(image.pixels, pattern((67, 63), dtype, index), strict=True)
        assert not image.pixels.flags.writeable


def test_a_big_endian_image() -> None:
    pixels = pattern(SHAPE, "uint16", 3)
    parts = changed(IMAGE, 1, encoding=">", type="uint16")
    parts[2] = pixels.astype(">u2").tobytes()
    np.testing.assert_array_equal(eiger(parts).pixels, pixels)


def test_a_blob_in_a_zmq_frame() -> None:
    image = eiger([*IMAGE[:2], zmq.Frame(IMAGE[2]), *IMAGE[3:]])
    assert image.data["buffer"] == IMAGE[2]
    np.testing.assert_array_equal(image.pixels, pattern(SHAPE, "uint32", 0))


@pytest.mark.parametrize(("detail", "has_info", "has_tables"), [("none", 0, 0), ("basic", 1, 0), ("all", 1, 1)])
@pytest.mark.parametrize("appendix", [None, "text", "[1, 2]"])
def test_headers_of_all_details(detail: Any, has_info: bool, has_tables: bool, appendix: str | None) -> None:
    header = eiger(next(messages(5, SHAPE, header_detail=detail, appendix=appendix)))
    assert header.info == (
        {"nimages": 5, "ntrigger": 1, "x_pixels_in_detector": 4, "y_pixels_in_detector": 6} if has_info else None
    )
    assert header.appendix == ([1, 2] if appendix == "[1, 2]" else appendix)
    if has_tables:
        np.testing.assert_array_equal(header.flatfield, np.ones(SHAPE, np.float32), strict=True)
        np.testing.assert_array_equal(header.pixel_mask, np.zeros(SHAPE, np.uint32), strict=True)
    else:
        with pytest.raises(AttributeError, match="has no dflatfield"):
            _ = header.flatfield


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "at least one frame"),
        ([b"\xff"], "frame 0 is not JSON"),
        ([b"[]"], "no JSON object"),
        ([b'{"htype": "dimage-2.0"}'], "no message with htype 'dimage-2.0'"),
        (HEADER[:7], "has 7 frames, not 8 or with an appendix 9"),
        ([*HEADER, b""], "has 10 frames"),
        (changed(HEADER, 0, header_detail="some"), "header_detail is none of none, basic, all: 'some'"),
        (changed(HEADER, 0, header_detail=["all"]), "header_detail is none of"),
        ([HEADER[0], b"{", *HEADER[2:]], "frame 1 is not JSON"),
        ([*HEADER[:4], b"5", *HEADER[5:]], "frame 4 is no JSON object"),
        (IMAGE[:3], "has 3 frames, not 4 or with an appendix 5"),
        ([*IMAGE, b""], "has 6 frames"),
        (changed(IMAGE, 0, frame="0"), "frame = '0'"),
        ([*IMAGE[:3], b"x", b""], "frame 3 is not JSON"),
        (changed(END, 0, series=None), "series = None"),
    ],
)
def test_what_is_no_message_is_refused(parts: list[bytes], reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        eiger(parts)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"shape": [10**9, 10**9]}, "cannot hold"),
        ({"shape": [-4, 6]}, "no shape"),
        ({"shape": "46"}, "shape = '46'"),
        ({"type": "timedelta64", "encoding": "<"}, "no type of numbers"),
        ({"type": "pixels"}, "."),
        ({"type": "uint16"}, "bs32-lz4< does not fit uint16"),
        ({"encoding": "bs32-zstd<"}, "there is no encoding 'bs32-zstd<'"),
        ({"encoding": "<"}, "a blob of"),
        ({"encoding": 5}, "encoding = 5"),
    ],
)
def test_an_image_that_is_not_as_described_is_known_at_the_first_access(fields: dict[str, Any], reason: str) -> None:
    image = eiger(changed(IMAGE, 1, **fields))
    with pytest.raises(MalformedFrameError, match=f"image 0: .*{reason}"):
        _ = image.pixels


@settings(max_examples=200)
@given(
    index=st.integers(0, 4),
    name=st.sampled_from(["htype", "frame", "shape", "type", "encoding", "size", "pixels", "data", "__class__"]),
    value=st.none() | st.integers() | st.text(max_size=9) | st.lists(st.integers(-3, 2**40), max_size=4),
)
def test_any_field_gives_an_image_or_is_malformed(index: int, name: str, value: object) -> None:
    parts = [*IMAGE[:2], str(value).encode(), *IMAGE[3:]] if index == 2 else changed(IMAGE, index, **{name: value})
    with contextlib.suppress(MalformedFrameError):
        image = eiger(parts)
        assert image.pixels.shape == tuple(image.data["shape"][::-1])
