"""Messages of the Xspress3, a readout of fluorescence detectors."""

from __future__ import annotations

import functools
import pickle
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dranspose import pickled_arrays
from dranspose.data.image import image_array
from dranspose.data.message import MalformedFrameError, Message
from dranspose.event import Frame

META = ("ocr", "AllEvents", "AllGood", "ClockTicks", "TotalTicks", "ResetTicks", "event_widths", "dtc")
"""The names of what is sent along with the spectra: counters and corrections, each with a value per channel."""


@dataclass(frozen=True, eq=False, repr=False)
class XspressStart(Message):
    """The start of a series; ``filename`` is where the raw data is saved."""

    htype: Literal["header"]
    filename: str


@dataclass(frozen=True, eq=False, repr=False)
class XspressImage(Message):
    """The spectra of one exposure of ``exptime`` seconds."""

    htype: Literal["image"]
    frame: int
    shape: list[int]
    type: str
    blob: Frame = field(repr=False)
    counters: Frame = field(repr=False)
    exptime: float = 1.0
    compression: str = "none"

    @functools.cached_property
    def data(self) -> npt.NDArray[np.generic]:
        """The spectra, read-only, of shape (channels, bins).

        Raises:
            MalformedFrameError: the blob is not of this shape and type.
            AttributeError: the compression is neither ``none`` nor ``bslz4``.
        """
        try:
            return image_array(self.blob, self.shape, self.type, self.compression)
        except NotImplementedError as error:
            raise AttributeError(f"frame {self.frame} cannot be decompressed ({error}): see its blob") from None
        except ValueError as error:
            raise MalformedFrameError(f"frame {self.frame}: {error}") from None

    @functools.cached_property
    def meta(self) -> dict[str, Any]:
        """The arrays that `META` names, unpickled at the first access.

        Raises:
            MalformedFrameError: they are no pickled list of so many plain values.
        """
        try:
            values = pickled_arrays.load(self.counters)
        except pickle.UnpicklingError as error:
            raise MalformedFrameError(f"frame {self.frame}: its counters are no pickle of arrays: {error}") from None
        if not isinstance(values, list) or len(values) != len(META):
            raise MalformedFrameError(f"frame {self.frame}: its counters are no list of {', '.join(META)}")
        return dict(zip(META, values, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class XspressEnd(Message):
    """The end of a series."""

    htype: Literal["series_end"]
