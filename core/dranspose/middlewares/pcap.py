"""Parser of a PandABox's position capture (PCAP), as a Tango device publishes it: JSON in one frame."""

from __future__ import annotations

from typing import get_args

from dranspose.data.message import message_of
from dranspose.data.pcap import PCAPData, PCAPEnd, PCAPStart
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "PCAP"

PCAPMessage = PCAPStart | PCAPData | PCAPEnd
CLASSES: tuple[type[PCAPMessage], ...] = get_args(PCAPMessage)


def parse(stream: StreamData) -> PCAPMessage:
    """Return the message that the frame of a PCAP stream holds; its field ``message_type`` tells which.

    Raises:
        MalformedFrameError: the frames are no PCAP message.
    """
    return message_of(CLASSES, "message_type", first_json_object(stream, TYPE))
