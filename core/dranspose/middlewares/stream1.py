"""Parser of STINS ("Stream1"), the streaming protocol of MAX IV's detectors."""

from __future__ import annotations

from typing import Any

from dranspose.data.message import MalformedFrameError
from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "STINS"


def parse(stream: StreamData) -> Stream1Start | Stream1Data | Stream1End:
    """Return the message that the frames of a STINS stream hold.

    Frame 0 is JSON with the field ``htype``: ``header`` (a second frame with metadata may follow), ``image`` (followed
    by its blobs) or ``series_end``.

    Raises:
        MalformedFrameError: the frames are no STINS message, or the blob of an uncompressed image has the wrong size.
    """
    match first_json_object(stream, TYPE):
        case {"htype": "header"} as fields:
            return Stream1Start.from_fields(fields)
        case {"htype": "image"} as fields:
            return _image(fields, stream)
        case {"htype": "series_end"} as fields:
            return Stream1End.from_fields(fields)
        case {"htype": htype}:
            raise MalformedFrameError(f"STINS has no message with htype {htype!r:.80}")
        case _:
            raise MalformedFrameError("frame 0 lacks the field 'htype'")


def _image(fields: dict[str, Any], stream: StreamData) -> Stream1Data:
    if stream.length < 2:
        raise MalformedFrameError("a STINS image has at least two frames")
    image = Stream1Data.from_fields({**fields, "blobs": stream.frames[1:]})
    if image.compression == "none" and len(image.blobs) == 1:
        _ = image.data  # a view costs nothing, and a wrong size is better known here
    return image


def is_image(stream: StreamData) -> bool:
    """Tell whether the frames are those of an image, without looking at all of them."""
    try:
        return first_json_object(stream, TYPE).get("htype") == "image"
    except MalformedFrameError:
        return False
