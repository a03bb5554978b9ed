"""Parser of what an Xspress3 publishes."""

from __future__ import annotations

from dranspose.data.message import MalformedFrameError
from dranspose.data.xspress3 import XspressEnd, XspressImage, XspressStart
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "xspress"
IMAGE_FRAMES = 3


def parse(stream: StreamData) -> XspressStart | XspressImage | XspressEnd:
    """Return the message that the frames of an Xspress3 stream hold.

    Frame 0 is JSON with the field ``htype``: ``header``, ``image`` (followed by the spectra, and a pickled list of
    counters) or ``series_end``.

    Raises:
        MalformedFrameError: the frames are no message of an Xspress3.
    """
    match first_json_object(stream, TYPE):
        case {"htype": "header"} as fields:
            return XspressStart.from_fields(fields)
        case {"htype": "image"} as fields:
            if stream.length != IMAGE_FRAMES:
                raise MalformedFrameError(f"an image of an Xspress3 has {IMAGE_FRAMES} frames, not {stream.length}")
            _, blob, counters = stream.frames
            image = XspressImage.from_fields({**fields, "blob": blob, "counters": counters})
            if image.compression == "none":
                _ = image.data  # a view costs nothing, and a wrong size is better known here
            return image
        case {"htype": "series_end"} as fields:
            return XspressEnd.from_fields(fields)
        case fields:
            raise MalformedFrameError(f"an Xspress3 has no message with htype {fields.get('htype')!r:.80}")
