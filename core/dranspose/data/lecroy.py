"""Messages of LeCroy oscilloscopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from dranspose.data.message import Message

LECROY_TYPE = "lecroy_9fwdWp6Rq7"

PREPARE, SEQUENCE_START, SEQUENCE_END, STOP = range(4)
"""What a message without traces says."""

CONTINUOUS = -1
"""The number of triggers that is told of sequences that have one and follow each other after a single start."""


@dataclass(frozen=True, eq=False, repr=False)
class LecroyPrepare(Message):
    """The start of a series."""

    htype: Literal["msg"]
    what: Literal[0]
    frame: int


@dataclass(frozen=True, eq=False, repr=False)
class LecroyEnd(Message):
    """The end of a series of so many traces."""

    htype: Literal["msg"]
    what: Literal[3]
    frame: int
    frames: int


@dataclass(frozen=True, eq=False, repr=False)
class LecroySequence(Message):
    """The start of a sequence: of ``ntriggers`` triggers, or `CONTINUOUS`."""

    htype: Literal["msg"]
    what: Literal[1]
    ntriggers: int
    seqno: int
    channels: list[int]


@dataclass(frozen=True, eq=False, repr=False)
class LecroyTraces(Message):
    """The traces of one channel in a sequence: their ``shape`` is (triggers, samples).

    Sample i was taken ``horiz_offset + i * horiz_interval`` s after the trigger. ``ts`` is when, in s since 1970.
    """

    htype: Literal["traces"]
    ch: int
    ts: float
    frame: int
    shape: list[int]
    horiz_offset: float
    horiz_interval: float
    dtype: str


@dataclass(frozen=True, slots=True)
class LecroyParsed:
    """One sequence, of which ``meta``, ``data`` and ``timestamps`` have an item for each of the channels.

    Attributes:
        channels: their numbers, as on the scope.
        ntriggers: of the sequence, or `CONTINUOUS`.
        seqno: the number of the sequence.
        meta: what describes the traces.
        data: the traces in V, read-only, of shape (triggers, samples).
        timestamps: of each trigger, in s since 1970.
    """

    channels: list[int]
    ntriggers: int
    seqno: int
    meta: list[LecroyTraces]
    data: list[npt.NDArray[np.generic]] = field(repr=False)
    timestamps: list[list[float]] = field(repr=False)
