"""Series of an Xspress3, a readout of fluorescence detectors, as it publishes them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from dranspose.data.xspress3 import META

SPECTRA_PREPARED = 64
BINS = 4096


def messages(
    images: int,
    channels: int = 4,
    filename: str = "",
    *,
    separate: bool = False,
    exptime: float = 0.1,
    content: Callable[[int], npt.NDArray[np.uint32]] | None = None,
) -> Iterator[list[bytes]]:
    """Yield the messages of one series: an image in one of three parts or, `separate`, in three messages.

    ``content`` gives the spectra of an image, of a shape (channels, bins), in place of those that `spectra` makes.
    """
    prepared = [spectra(image, channels) for image in range(min(images, SPECTRA_PREPARED))]
    yield [_json(htype="header", filename=filename, overwritable=False)]
    for image in range(images):
        counts = prepared[image % SPECTRA_PREPARED] if content is None else content(image)
        head = _json(
            htype="image", exptime=exptime, frame=image, shape=counts.shape, type=counts.dtype.name, compression="none"
        )
        meta = pickle.dumps([np.full(len(counts), image, np.uint32) for _ in META], 3)
        parts = [head, counts.tobytes(), meta]
        yield from [[part] for part in parts] if separate else [parts]
    yield [_json(htype="series_end")]


def spectra(image: int, channels: int) -> npt.NDArray[np.uint32]:
    """Return the spectra of an image: bin 0 has its number, modulo 64, and a peak moves from image to image."""
    of_image = np.zeros((channels, BINS), np.uint32)
    of_image[:, 0] = image % SPECTRA_PREPARED
    of_image[:, 100 + image % SPECTRA_PREPARED] = 1000 * np.arange(1, channels + 1)
    return of_image


def _json(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
