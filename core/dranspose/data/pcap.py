"""Messages of a PandABox's position capture (PCAP), as a Tango device publishes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dranspose.data.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class PCAPStart(Message):
    """The PandABox was armed, at ``arm_time`` (ISO 8601)."""

    message_id: int
    message_type: Literal["series-start"]
    arm_time: str
    version: int = 1


@dataclass(frozen=True, eq=False, repr=False)
class PCAPData(Message):
    """What was captured at one trigger, with a field for each channel.

    Names of channels such as ``INENC3.VAL.Mean`` have dots: ``getattr(data, "INENC3.VAL.Mean")`` gets their values.
    """

    message_type: Literal["data"]
    frame_number: int


@dataclass(frozen=True, eq=False, repr=False)
class PCAPEnd(Message):
    """The PandABox was disarmed."""

    message_type: Literal["series-end"]
