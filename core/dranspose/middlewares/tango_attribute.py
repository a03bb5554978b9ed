"""Parser of the values of Tango attributes."""

from __future__ import annotations

from typing import Any, get_args

from dranspose.data.image import image_array
from dranspose.data.message import MalformedFrameError, message_of
from dranspose.data.tango_attribute import TangoAttributeEnd, TangoAttributeStart, TangoAttributeValue
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "tango"

TangoAttributeMessage = TangoAttributeStart | TangoAttributeValue | TangoAttributeEnd
CLASSES: tuple[type[TangoAttributeMessage], ...] = get_args(TangoAttributeMessage)


def parse(stream: StreamData) -> TangoAttributeMessage:
    """Return the message that the frames of a Tango attribute's stream hold.

    Frame 0 is JSON. An array follows as a frame of its own, in C order, with its ``shape`` and ``type`` in frame 0.

    Raises:
        MalformedFrameError: the frames hold no value of an attribute.
    """
    fields = first_json_object(stream, TYPE)
    if stream.length > 1:
        fields = {**fields, "value": _array(fields, stream)}
    return message_of(CLASSES, "kind", fields)


def _array(fields: dict[str, Any], stream: StreamData) -> Any:
    try:
        return image_array(stream.frames[1], fields["shape"], fields["type"], "none")
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedFrameError(f"frame 1 is not the array that frame 0 tells of: {error!r:.200}") from None
