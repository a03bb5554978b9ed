"""Records of Sardana scans: what its recorders get of a scan, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dranspose.data.message import Message

HTTP_PATHS: Mapping[str, str] = {
    "DataDescription": "/v1/data_desc",
    "RecordData": "/v1/record_data",
    "RecordEnd": "/v1/record_end",
}
"""Where each type of record is posted to."""


@dataclass(frozen=True, eq=False, repr=False)
class SardanaDataDescription(Message):
    """The start of a scan; ``column_desc``, ``ref_moveables``, ``counters`` and others follow as Sardana has them."""

    type: Literal["DataDescription"]
    serialno: int
    title: str
    scandir: str | None


@dataclass(frozen=True, eq=False, repr=False)
class SardanaRecordData(Message):
    """One point: beside ``point_nb`` a value for each motor and channel, under its name.

    A channel may be named by its Tango URL: ``getattr(record, "tango://...")``. ``timestamp`` is in s.
    """

    type: Literal["RecordData"]
    timestamp: float


@dataclass(frozen=True, eq=False, repr=False)
class SardanaRecordEnd(Message):
    """The end of a scan."""

    type: Literal["RecordEnd"]
