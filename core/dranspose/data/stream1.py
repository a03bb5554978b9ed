"""Messages of STINS ("Stream1"), the streaming protocol of MAX IV's detectors."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from dranspose.data.image import image_array
from dranspose.data.message import MalformedFrameError, Message
from dranspose.event import Frame


@dataclass(frozen=True, eq=False, repr=False)
class Stream1Start(Message):
    """The start of a series; ``filename`` is where the raw data is saved, empty in a live view."""

    msg_number: int
    htype: Literal["header"]
    filename: str


@dataclass(frozen=True, eq=False, repr=False)
class Stream1Data(Message):
    """One image; ``blobs`` are the frames it was sent in, one or one for each module of the detector."""

    msg_number: int
    htype: Literal["image"]
    frame: int
    shape: list[int]
    type: str
    compression: str
    blobs: list[Frame] = field(repr=False)

    @functools.cached_property
    def data(self) -> npt.NDArray[np.generic]:
        """The image, read-only: a view of its blob, or decompressed from it at the first access.

        An image in several blobs, or in another compression than ``bslz4``, has no ``data`` (AttributeError).

        Raises:
            MalformedFrameError: the blob is not an image of this shape and type.
        """
        if len(self.blobs) != 1:
            raise AttributeError(f"image {self.frame} came in {len(self.blobs)} blobs: see its blobs")
        try:
            return image_array(self.blobs[0], self.shape, self.type, self.compression)
        except NotImplementedError as error:
            raise AttributeError(f"image {self.frame} cannot be decompressed ({error}): see its blobs") from None
        except ValueError as error:
            raise MalformedFrameError(f"image {self.frame}: {error}") from None


@dataclass(frozen=True, eq=False, repr=False)
class Stream1End(Message):
    """The end of a series."""

    msg_number: int
    htype: Literal["series_end"]
