"""Parser of a PandABox's position capture (PCAP), as a Tango device publishes it: JSON in one frame."""

from __future__ import annotations

from dranspose.data.message import MalformedFrameError
from dranspose.data.pcap import PCAPData, PCAPEnd, PCAPStart
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "PCAP"


def parse(stream: StreamData) -> PCAPStart | PCAPData | PCAPEnd:
    """Return the message that the frame of a PCAP stream holds; its field ``message_type`` tells which.

    Raises:
        MalformedFrameError: the frames are no PCAP message.
    """
    match first_json_object(stream, TYPE):
        case {"message_type": "series-start"} as fields:
            return PCAPStart.from_fields(fields)
        case {"message_type": "data"} as fields:
            return PCAPData.from_fields(fields)
        case {"message_type": "series-end"} as fields:
            return PCAPEnd.from_fields(fields)
        case fields:
            raise MalformedFrameError(f"PCAP has no message with message_type {fields.get('message_type')!r:.80}")
