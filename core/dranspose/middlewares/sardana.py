"""Parser of the records of Sardana scans."""

from __future__ import annotations

from dranspose.data.message import MalformedFrameError
from dranspose.data.sardana import SardanaDataDescription, SardanaRecordData, SardanaRecordEnd
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "sardana"


def parse(stream: StreamData) -> SardanaDataDescription | SardanaRecordData | SardanaRecordEnd:
    """Return the record that the one frame of a Sardana stream holds, in JSON.

    Raises:
        MalformedFrameError: the frame is no record of Sardana.
    """
    match first_json_object(stream, TYPE):
        case {"type": "DataDescription"} as fields:
            return SardanaDataDescription.from_fields(fields)
        case {"type": "RecordData"} as fields:
            return SardanaRecordData.from_fields(fields)
        case {"type": "RecordEnd"} as fields:
            return SardanaRecordEnd.from_fields(fields)
        case fields:
            raise MalformedFrameError(f"Sardana has no record of type {fields.get('type')!r:.80}")
