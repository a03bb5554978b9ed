"""Images out of the blobs that detectors send them in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dranspose.decompression import bslz4, lz4
from dranspose.event import Frame, frame_buffer


def image_array(blob: Frame, shape: Sequence[int], type_name: str, compression: str) -> npt.NDArray[np.generic]:
    """Return the image in a blob as a read-only array of the given shape and numpy type, such as ``uint16``.

    An uncompressed image (``none``) is a view of the blob, one in ``bslz4`` or ``lz4`` is decompressed.

    Raises:
        ValueError: no type of numbers, no shape, or a blob that is not an image of this shape and type.
        NotImplementedError: another compression.
    """
    try:
        dtype = np.dtype(type_name)
    except Exception:  # noqa: BLE001 - numpy takes more than names, and raises whatever parsing that leads to
        dtype = np.dtype(np.void)
    if dtype.kind not in "iufcb":
        raise ValueError(f"{type_name!r:.80} is no type of numbers")
    if any(length < 0 for length in shape):
        raise ValueError(f"{list(shape)} is no shape of an image")
    buffer = frame_buffer(blob)
    if compression == "bslz4":
        return bslz4(buffer, shape, dtype)
    if compression == "lz4":
        return lz4(buffer, shape, dtype)
    if compression != "none":
        raise NotImplementedError(f"compression {compression!r}")
    if math.prod(shape) * dtype.itemsize != len(buffer):
        raise ValueError(f"a blob of {len(buffer)} bytes is no {type_name} image of shape {list(shape)}")
    image = np.frombuffer(buffer, dtype).reshape(shape)
    image.flags.writeable = False
    return image
