"""Messages of AlbaEM electrometers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from dranspose.data.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class AlbaemStart(Message):
    """The start of a series."""

    message_id: int
    message_type: Literal["series-start"]
    version: Literal[1] = 1


@dataclass(frozen=True, eq=False, repr=False)
class AlbaemData(Message):
    """One acquisition: the mean current of each channel, in A.

    ``timestamp`` is in s since the start of the series, ``acquisition_timestamp`` in ns since 1970.
    """

    message_id: int
    message_type: Literal["data"]
    frame_number: int
    timestamp: float
    acquisition_timestamp: int
    channel1: float
    channel2: float
    channel3: float
    channel4: float
    version: Literal[1] = 1


@dataclass(frozen=True, eq=False, repr=False)
class AlbaemEnd(Message):
    """The end of a series; ``detector_specific`` tells whether data was lost in the device."""

    message_id: int
    message_type: Literal["series-end"]
    detector_specific: dict[str, Any] = field(default_factory=dict)
    version: Literal[1] = 1
