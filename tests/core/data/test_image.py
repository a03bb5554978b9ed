"""Blobs are viewed as images of the given shape and type, or refused."""

from __future__ import annotations

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from dranspose.data.image import image_array

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int16", "uint16", "uint32", "int32", "uint64", "float32", "float64", "complex64", "bool", "<u2", ">u4"],
)
def test_each_type_of_numbers(dtype):
    image = image_array(PIXELS.astype(dtype).tobytes(), [3, 4], dtype, "none")
    assert image.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image, PIXELS.astype(dtype))


@pytest.mark.parametrize("shape", [[3, 4], [12], [2, 3, 2], [3, 4, 1]])
def test_each_shape(shape):
    np.testing.assert_array_equal(image_array(PIXELS.tobytes(), shape, "uint16", "none"), PIXELS.reshape(shape))


def test_an_image_without_pixels():
    assert image_array(b"", [0, 4], "uint16", "none").shape == (0, 4)


@pytest.mark.parametrize("blob", [PIXELS.tobytes(), zmq.Frame(PIXELS.tobytes())], ids=["bytes", "zmq.Frame"])
def test_an_uncompressed_image_is_a_read_only_view_of_its_blob(blob):
    image = image_array(blob, [3, 4], "uint16", "none")
    assert np.shares_memory(image, np.frombuffer(blob if isinstance(blob, bytes) else blob.buffer, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 1


@pytest.mark.parametrize("size", [0, 1, 23, 25, 48])
def test_a_blob_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match=rf"a blob of {size} bytes is no uint16 image of shape \[3, 4\]"):
        image_array(bytes(size), [3, 4], "uint16", "none")


@pytest.mark.parametrize("shape", [[-3, -4], [-1], [0, -1], [2**70, 0], [2**62, 2**62, 0], [1] * 100, [10**5000]])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"\w"):
        image_array(bytes(24 if 0 not in shape else 0), shape, "uint16", "none")


NO_TYPES = ["", "object", "O", "S2", "a2", "U1", "V2", "M8[s]", "m8", "uint12", "x" * 100_000]
PARSED_BY_NUMPY = ["u2,u2", "(2,)u2", "(2,,2)u2", "i4,(", "{}", "(" * 1000, "9" * 30 + "u2", "\ud800"]


@pytest.mark.parametrize("type_name", NO_TYPES + PARSED_BY_NUMPY)
def test_what_is_no_type_of_numbers_is_refused(type_name):
    with pytest.raises(ValueError, match="is no type of numbers") as error:
        image_array(bytes(24), [3, 4], type_name, "none")
    assert len(str(error.value)) < 120


@settings(max_examples=300)
@given(type_name=st.text("uifcbSUVO<>=|,()[]{}0123456789 a", max_size=8), size=st.integers(0, 40))
def test_any_text_for_a_type_gives_an_image_or_a_value_error(type_name, size):
    try:
        image = image_array(bytes(size), [2, 2], type_name, "none")
    except ValueError:
        return
    assert image.shape == (2, 2)
    assert image.nbytes == size


def test_another_compression_is_not_implemented():
    with pytest.raises(NotImplementedError, match="compression 'zstd'"):
        image_array(b"", [3, 4], "uint16", "zstd")
