"""Parser of the messages of AlbaEM electrometers."""

from __future__ import annotations

from dranspose.data.albaem import AlbaemData, AlbaemEnd, AlbaemStart
from dranspose.data.message import MalformedFrameError
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "albaem"


def parse(stream: StreamData) -> AlbaemStart | AlbaemData | AlbaemEnd:
    """Return the message that the one frame of an AlbaEM stream holds, in JSON.

    Raises:
        MalformedFrameError: the frame is no AlbaEM message.
    """
    match first_json_object(stream, TYPE):
        case {"message_type": "series-start"} as fields:
            return AlbaemStart.from_fields(fields)
        case {"message_type": "data"} as fields:
            return AlbaemData.from_fields(fields)
        case {"message_type": "series-end"} as fields:
            return AlbaemEnd.from_fields(fields)
        case fields:
            raise MalformedFrameError(f"AlbaEM has no message with message_type {fields.get('message_type')!r:.80}")
