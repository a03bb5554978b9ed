"""A DECTRIS detector whose stream interface is of version 1: series of images that can be told apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Literal

import numpy as np

from dranspose.simulate.images import Compression, bslz4, lz4, pattern

HeaderDetail = Literal["all", "basic", "none"]

ENCODERS = {"bslz4": bslz4, "lz4": lz4}
PERIOD = 10**6
"""Between two images, in ns, as their times tell it."""


def messages(
    images: int,
    shape: tuple[int, int] = (32, 32),
    dtype: str = "uint32",
    compression: Compression = "bslz4",
    header_detail: HeaderDetail = "all",
    series: int = 1,
    appendix: str | None = None,
) -> Iterator[list[bytes]]:
    """Yield the messages of one series, whose images of a shape (y, x) are `pattern`.

    The flat field is 1, the pixel mask 0, and the count rate table empty. An ``appendix`` is sent with the header and
    each image.
    """
    height, width = shape
    about_array = {"shape": [width, height], "type": dtype}
    more = [] if appendix is None else [appendix.encode()]
    header = [_json(htype="dheader-1.0", header_detail=header_detail, series=series)]
    if header_detail != "none":
        header += [_json(nimages=images, ntrigger=1, x_pixels_in_detector=width, y_pixels_in_detector=height)]
    if header_detail == "all":
        tables = (
            ("dflatfield-1.0", np.ones(shape, np.float32)),
            ("dpixelmask-1.0", np.zeros(shape, np.uint32)),
            ("dcountrate_table-1.0", np.zeros((0, 2), np.float32)),
        )
        for htype, table in tables:
            header += [_json(htype=htype, shape=table.shape[::-1], type=table.dtype.name), table.tobytes()]
    yield header + more
    bits = 8 * np.dtype(dtype).itemsize
    encoding = {"none": "<", "lz4": "lz4<", "bslz4": f"bs{bits}-lz4<"}[compression]
    for frame in range(images):
        image = pattern(shape, dtype, frame)
        blob = image.tobytes() if compression == "none" else ENCODERS[compression](image)
        digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
        times = {"start_time": frame * PERIOD, "stop_time": (frame + 1) * PERIOD, "real_time": PERIOD}
        yield [
            _json(htype="dimage-1.0", series=series, frame=frame, hash=digest),
            _json(htype="dimage_d-1.0", encoding=encoding, size=len(blob), **about_array),
            blob,
            _json(htype="dconfig-1.0", **times),
            *more,
        ]
    yield [_json(htype="dseries_end-1.0", series=series)]


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
