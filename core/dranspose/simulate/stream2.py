"""A DECTRIS detector whose stream interface is of version 2: series of images that can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt

from dranspose.data.cbor_arrays import COMPRESSED_TAG, DIMENSIONS_TAG, TYPES
from dranspose.simulate.images import Compression, bslz4, lz4h5, pattern

ENCODERS = {"bslz4": bslz4, "lz4": lz4h5}
SELF_DESCRIBED_TAG = 55799
TICKS = 10**6
"""Of an image's times, in a second; there is one between two images."""


def messages(
    images: int,
    shape: tuple[int, int] = (32, 32),
    dtype: str = "uint32",
    compression: Compression = "bslz4",
    thresholds: int = 1,
    series: int = 1,
) -> Iterator[list[bytes]]:
    """Yield the messages of one series; image i of threshold t (from 1) is the `pattern` of ``i + t - 1``."""
    channels = [f"threshold_{threshold + 1}" for threshold in range(thresholds)]
    of_series = {"series_id": series, "series_unique_id": f"simulated-{series}"}
    height, width = shape
    mask = np.zeros(shape, np.uint32)
    yield [
        _message(
            type="start",
            **of_series,
            arm_date=datetime(2026, 1, 1, tzinfo=UTC),
            channels=channels,
            image_dtype=dtype,
            image_size_x=width,
            image_size_y=height,
            number_of_images=images,
            pixel_mask={channel: _array(mask, "none") for channel in channels},
            pixel_mask_enabled=True,
            user_data=None,
        )
    ]
    for image in range(images):
        arrays = {
            channel: _array(pattern(shape, dtype, image + threshold), compression)
            for threshold, channel in enumerate(channels)
        }
        times = {"start_time": [image, TICKS], "stop_time": [image + 1, TICKS], "real_time": [1, TICKS]}
        yield [_message(type="image", **of_series, image_id=image, **times, data=arrays)]
    yield [_message(type="end", **of_series)]


def _message(**fields: Any) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(SELF_DESCRIBED_TAG, fields))


def _array(array: npt.NDArray[np.generic], compression: Compression) -> cbor2.CBORTag:
    tag = next(tag for tag, name in TYPES.items() if np.dtype(name) == array.dtype)
    content: Any = array.tobytes()
    if compression != "none":
        content = cbor2.CBORTag(COMPRESSED_TAG, [compression, array.itemsize, ENCODERS[compression](array)])
    return cbor2.CBORTag(DIMENSIONS_TAG, [list(array.shape), cbor2.CBORTag(tag, content)])
