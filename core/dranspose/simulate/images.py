"""Images that can be told apart, and compressed as detectors do it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from dranspose.decompression import DEFAULT_BLOCK_BYTES, HEADER, LENGTH, SHUFFLED_TOGETHER

Compression = Literal["none", "bslz4", "lz4"]

PERIOD = 127
"""Pixels of the pattern, and different images; the largest number that all dtypes hold is as much."""


def pattern(shape: tuple[int, ...], dtype: str, image: int) -> npt.NDArray[np.generic]:
    """Return the image of an index: pixel n of it, counted over rows, is ``(n + image) % 127``."""
    return ((np.arange(int(np.prod(shape))) + image) % PERIOD).astype(dtype).reshape(shape)


def bslz4(image: npt.NDArray[np.generic]) -> bytes:
    """Return an image as `dranspose.decompression.bslz4` takes it, with the header of 12 bytes."""
    import imagecodecs  # a tenth of a second that only compressed images should cost

    shuffled = imagecodecs.bitshuffle_encode(
        image.tobytes(), itemsize=image.itemsize, blocksize=DEFAULT_BLOCK_BYTES // image.itemsize
    )
    stop = image.size // SHUFFLED_TOGETHER * SHUFFLED_TOGETHER * image.itemsize
    chunk = [HEADER.pack(image.nbytes, DEFAULT_BLOCK_BYTES)]
    for start in range(0, stop, DEFAULT_BLOCK_BYTES):
        block = bytes(imagecodecs.lz4_encode(shuffled[start : min(start + DEFAULT_BLOCK_BYTES, stop)]))
        chunk += [LENGTH.pack(len(block)), block]
    return b"".join([*chunk, shuffled[stop:]])


def lz4(image: npt.NDArray[np.generic]) -> bytes:
    """Return an image as a bare block of LZ4."""
    import imagecodecs

    return bytes(imagecodecs.lz4_encode(image.tobytes()))


def lz4h5(image: npt.NDArray[np.generic]) -> bytes:
    """Return an image as LZ4 in the blocks of HDF5, with the header of 12 bytes."""
    import imagecodecs

    return bytes(imagecodecs.lz4h5_encode(image.tobytes()))
