"""Parser of what an Xspress3 publishes."""

from __future__ import annotations

import pickle
from typing import Any

from dranspose import pickled_arrays
from dranspose.data.message import MalformedFrameError
from dranspose.data.xspress3 import META, XspressEnd, XspressImage, XspressStart
from dranspose.event import Frame, StreamData
from dranspose.middlewares.json_frame import first_json_object

TYPE = "xspress"
IMAGE_FRAMES = 3


def parse(stream: StreamData) -> XspressStart | XspressImage | XspressEnd:
    """Return the message that the frames of an Xspress3 stream hold.

    Frame 0 is JSON with the field ``htype``: ``header``, ``image`` (followed by the spectra, and a pickled list of what
    `META` names) or ``series_end``.

    Raises:
        MalformedFrameError: the frames are no message of an Xspress3.
    """
    match first_json_object(stream, TYPE):
        case {"htype": "header"} as fields:
            return XspressStart.from_fields(fields)
        case {"htype": "image"} as fields:
            if stream.length != IMAGE_FRAMES:
                raise MalformedFrameError(f"an image of an Xspress3 has {IMAGE_FRAMES} frames, not {stream.length}")
            _, blob, meta = stream.frames
            image = XspressImage.from_fields({**fields, "blob": blob, "meta": _meta(meta)})
            if image.compression == "none":
                _ = image.data  # a view costs nothing, and a wrong size is better known here
            return image
        case {"htype": "series_end"} as fields:
            return XspressEnd.from_fields(fields)
        case fields:
            raise MalformedFrameError(f"an Xspress3 has no message with htype {fields.get('htype')!r:.80}")


def _meta(frame: Frame) -> dict[str, Any]:
    try:
        values = pickled_arrays.load(frame)
    except pickle.UnpicklingError as error:
        raise MalformedFrameError(f"frame 2 is no pickle of arrays: {error}") from None
    if not isinstance(values, list) or len(values) != len(META):
        raise MalformedFrameError(f"frame 2 is no list of {', '.join(META)}")
    return dict(zip(META, values, strict=True))
