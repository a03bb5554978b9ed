"""Messages of DECTRIS detectors in version 2 of their stream interface (SIMPLON API 1.8, CBOR).

Fields that are arrays are numpy arrays, and those with an array for each channel, such as ``pixel_mask`` and
``flatfield``, are `Arrays`. Times are pairs of a numerator and a denominator in s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dranspose.data.cbor_arrays import Arrays
from dranspose.data.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class Stream2Start(Message):
    """The start of a series; the configuration of the detector follows as the detector has it.

    Such as ``arm_date``, ``channels``, ``image_size_x``, ``incident_energy`` in eV, ``count_time`` in s, ``user_data``.
    """

    type: Literal["start"]
    series_id: int
    series_unique_id: str


@dataclass(frozen=True, eq=False, repr=False)
class Stream2Image(Message):
    """One image of each channel; a channel is a threshold, and ``data["threshold_1"]`` its image, of shape (y, x)."""

    type: Literal["image"]
    series_id: int
    series_unique_id: str
    image_id: int
    data: Arrays = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Stream2End(Message):
    """The end of a series."""

    type: Literal["end"]
    series_id: int
    series_unique_id: str
