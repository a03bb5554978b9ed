"""Messages of a PandABox's position capture over its own TCP port."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PositionCapField:
    """One value: its name such as ``INENC1.VAL.Mean``, and its type as the PandABox names it."""

    name: str
    type: str
    value: int | float


@dataclass(frozen=True, slots=True)
class PositionCapStart:
    """The PandABox was armed; ``PCAP.TS_TRIG.Value`` and its like are seconds since then."""

    arm_time: datetime


@dataclass(frozen=True, slots=True)
class PositionCapValues:
    """What was captured at one trigger, by name."""

    fields: dict[str, PositionCapField]


@dataclass(frozen=True, slots=True)
class PositionCapEnd:
    """The PandABox was disarmed."""
