"""Parser of the records of Sardana scans."""

from __future__ import annotations

from typing import get_args

from dranspose.data.message import message_of
from dranspose.data.sardana import SardanaDataDescription, SardanaRecordData, SardanaRecordEnd
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "sardana"

SardanaRecord = SardanaDataDescription | SardanaRecordData | SardanaRecordEnd
CLASSES: tuple[type[SardanaRecord], ...] = get_args(SardanaRecord)


def parse(stream: StreamData) -> SardanaRecord:
    """Return the record that the one frame of a Sardana stream holds, in JSON.

    Raises:
        MalformedFrameError: the frame is no record of Sardana.
    """
    return message_of(CLASSES, "type", first_json_object(stream, TYPE))
