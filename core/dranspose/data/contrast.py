"""Messages of Contrast, the acquisition software of MAX IV's imaging beamlines, about its scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dranspose.data.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class ContrastStarted(Message):
    """The start of scan ``scannr``; its other fields, such as ``snapshot``, tell what the beamline was set to."""

    status: Literal["started"]
    path: str
    scannr: int
    description: str


@dataclass(frozen=True, eq=False, repr=False)
class ContrastRunning(Message):
    """One point of a scan, ``dt`` seconds after its start, with a field for each motor and detector."""

    status: Literal["running"]
    dt: float


@dataclass(frozen=True, eq=False, repr=False)
class ContrastFinished(Message):
    """The end of a scan."""

    status: Literal["finished"]
    path: str
    scannr: int
    description: str


@dataclass(frozen=True, eq=False, repr=False)
class ContrastHeartbeat(Message):
    """A sign of life between scans."""

    status: Literal["heartbeat"]
