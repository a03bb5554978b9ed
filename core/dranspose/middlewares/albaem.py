"""Parser of the messages of AlbaEM electrometers."""

from __future__ import annotations

from typing import get_args

from dranspose.data.albaem import AlbaemData, AlbaemEnd, AlbaemStart
from dranspose.data.message import message_of
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "albaem"

AlbaemMessage = AlbaemStart | AlbaemData | AlbaemEnd
CLASSES: tuple[type[AlbaemMessage], ...] = get_args(AlbaemMessage)


def parse(stream: StreamData) -> AlbaemMessage:
    """Return the message that the one frame of an AlbaEM stream holds, in JSON.

    Raises:
        MalformedFrameError: the frame is no AlbaEM message.
    """
    return message_of(CLASSES, "message_type", first_json_object(stream, TYPE))
