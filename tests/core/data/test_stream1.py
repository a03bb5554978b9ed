"""The pixels of a STINS image are there at first access, or it says why they are not."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest
import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.data.stream1 import Stream1Data

PIXELS = np.random.default_rng(1).poisson(3, (30, 31)).astype(np.uint16)


def image(*blobs: bytes | zmq.Frame, compression: str = "none", shape: tuple[int, ...] = PIXELS.shape) -> Stream1Data:
    return Stream1Data.from_fields(
        {
            "msg_number": 5,
            "htype": "image",
            "frame": 4,
            "shape": list(shape),
            "type": "uint16",
            "compression": compression,
            "blobs": list(blobs),
        }
    )


def bslz4(pixels: np.ndarray, *, with_header: bool) -> bytes:
    together = pixels.size // 8 * 8
    flat = pixels.reshape(-1)
    shuffled = imagecodecs.bitshuffle_encode(flat[:together].tobytes(), itemsize=pixels.itemsize, blocksize=together)
    block = imagecodecs.lz4_encode(shuffled)
    header = struct.pack(">QI", pixels.nbytes, 8192) if with_header else b""
    return header + struct.pack(">I", len(block)) + block + flat[together:].tobytes()


def test_an_uncompressed_image():
    np.testing.assert_array_equal(image(PIXELS.tobytes()).data, PIXELS)


@pytest.mark.parametrize("with_header", [True, False], ids=["with header", "without header"])
def test_a_bslz4_image(with_header):
    compressed = image(bslz4(PIXELS, with_header=with_header), compression="bslz4")
    np.testing.assert_array_equal(compressed.data, PIXELS)
    assert not compressed.data.flags.writeable


def test_an_image_is_decompressed_at_the_first_access_and_only_then():
    compressed = image(bslz4(PIXELS, with_header=True), compression="bslz4")
    assert "data=" not in str(compressed)
    assert compressed.data is compressed.data
    assert "data=array(" in str(compressed)


def test_an_image_from_a_socket_is_not_copied():
    with zmq.Context() as context, context.socket(zmq.PAIR) as sender, context.socket(zmq.PAIR) as receiver:
        receiver.bind("inproc://image")
        sender.connect("inproc://image")
        sender.send(PIXELS.tobytes())
        frame = receiver.recv(copy=False)
    received = image(frame).data
    np.testing.assert_array_equal(received, PIXELS)
    assert not received.flags.writeable
    assert not received.flags.owndata
    assert np.shares_memory(received, np.frombuffer(frame.buffer, np.uint8))


@pytest.mark.parametrize("blobs", [[], [b"1", b"2", b"3", b"4"]])
def test_an_image_in_several_blobs_has_no_data(blobs):
    parts = image(*blobs)
    assert parts.blobs == blobs
    assert not hasattr(parts, "data")
    with pytest.raises(AttributeError, match=f"image 4 came in {len(blobs)} blobs: see its blobs"):
        _ = parts.data


def test_an_image_in_another_compression_has_no_data():
    with pytest.raises(AttributeError, match=r"image 4 cannot be decompressed .*'zstd'"):
        _ = image(b"blob", compression="zstd").data


@pytest.mark.parametrize("compression", ["none", "bslz4"])
@pytest.mark.parametrize("shape", [(31, 31), (0,), (-1, 30), (2**40,), (10**4000, 10**4000)])
def test_a_blob_that_is_no_such_image_is_malformed(shape, compression):
    blob = PIXELS.tobytes() if compression == "none" else bslz4(PIXELS, with_header=True)
    with pytest.raises(MalformedFrameError, match=r"^image 4: "):
        _ = image(blob, compression=compression, shape=shape).data
