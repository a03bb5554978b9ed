"""Arrays in CBOR: typed and of several dimensions (RFC 8746), and compressed as DECTRIS detectors send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt

from dranspose.data.image import image_array
from dranspose.data.message import MalformedFrameError
from dranspose.decompression import HEADER

DIMENSIONS_TAG = 40
COMPRESSED_TAG = 56500
"""Of an array of the name of a compression, the bytes of one element, and the compressed bytes."""

TYPES = {
    64: "u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: "u1", 69: "<u2", 70: "<u4", 71: "<u8",
    72: "i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8",
    80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8",
}  # fmt: skip
"""Of the elements of an array, by its tag (RFC 8746, section 2.1; numpy has no byte order for its 128-bit floats)."""


def is_array(value: object) -> bool:
    """Tell whether a decoded value is tagged as an array."""
    return isinstance(value, cbor2.CBORTag) and (value.tag == DIMENSIONS_TAG or value.tag in TYPES)


def array_of(value: object) -> npt.NDArray[np.generic]:
    """Return the read-only array that a tagged value is, of one dimension unless its tag tells others.

    Raises:
        MalformedFrameError: it is no array, or its bytes are not one of its shape and type.
    """
    try:
        shape = None
        if isinstance(value, cbor2.CBORTag) and value.tag == DIMENSIONS_TAG:
            shape, value = value.value
            if not all(type(length) is int for length in shape):
                raise ValueError("its shape is not of whole numbers")
        if not isinstance(value, cbor2.CBORTag) or value.tag not in TYPES:
            raise ValueError(f"a value of type {type(value).__name__} is no typed array")
        dtype = np.dtype(TYPES[value.tag])
        compression, blob = _content(value.value, dtype)
        if shape is None:
            size = len(blob) if compression == "none" else HEADER.unpack_from(blob)[0]
            shape = [size // dtype.itemsize]
        return image_array(blob, shape, dtype.str, compression)
    except Exception as error:  # noqa: BLE001 - what the tags hold may be anything
        raise MalformedFrameError(f"not an array in CBOR: {error}") from None


def _content(value: object, dtype: np.dtype[np.generic]) -> tuple[str, bytes]:
    if isinstance(value, bytes):
        return "none", value
    if not isinstance(value, cbor2.CBORTag) or value.tag != COMPRESSED_TAG:
        raise ValueError(f"its content is a value of type {type(value).__name__}")
    compression, element_bytes, blob = value.value
    if compression not in ("bslz4", "lz4"):
        raise ValueError(f"there is no decompression of {compression!r:.80}")
    if not isinstance(blob, bytes) or element_bytes != dtype.itemsize:
        raise ValueError(f"its compressed elements are not the bytes of {dtype}")
    return compression, blob


class Arrays(Mapping[str, npt.NDArray[np.generic]]):
    """Arrays by name, each made of its tagged value at the first access; then raises what `array_of` raises."""

    def __init__(self, tagged: Mapping[str, Any]) -> None:
        self._tagged = tagged
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}

    def __getitem__(self, name: str) -> npt.NDArray[np.generic]:
        if name not in self._arrays:
            self._arrays[name] = array_of(self._tagged[name])
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tagged)

    def __len__(self) -> int:
        return len(self._tagged)

    def __repr__(self) -> str:
        return f"<arrays {', '.join(map(repr, self))}>"
