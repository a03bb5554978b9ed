"""Parser of version 1 of the stream interface of DECTRIS detectors."""

from __future__ import annotations

import json
import reprlib
from typing import Any

from dranspose.data.eiger_legacy import EigerLegacyEnd, EigerLegacyHeader, EigerLegacyImage
from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData, frame_bytes
from dranspose.middlewares.json_frame import first_json_object, json_object

TYPE = "EIGER_LEGACY"

FRAMES = {"none": 1, "basic": 2, "all": 8}
"""Of a header, by its detail, without an appendix."""

IMAGE_FRAMES = 4


def parse(stream: StreamData) -> EigerLegacyHeader | EigerLegacyImage | EigerLegacyEnd:
    """Return the message that the frames of a stream hold.

    Frame 0 is JSON with the field ``htype``. To a ``dheader-1.0`` belong, by its ``header_detail``, the configuration
    and the flat field, pixel mask and count rate table, each in two frames; to a ``dimage-1.0`` its description, its
    blob and its times; to either an appendix in one more frame, if the detector is configured so.

    Raises:
        MalformedFrameError: the frames are no such message. Blobs are not looked into.
    """
    match first_json_object(stream, TYPE):
        case {"htype": "dheader-1.0"} as fields:
            return _header(fields, stream.frames)
        case {"htype": "dimage-1.0"} as fields:
            return _image(fields, stream.frames)
        case {"htype": "dseries_end-1.0"} as fields:
            return EigerLegacyEnd.from_fields(fields)
        case fields:
            raise MalformedFrameError(f"there is no message with htype {fields.get('htype')!r:.80}")


def header_frames(fields: dict[str, Any]) -> int:
    """Return how many frames a header with these fields has, without an appendix.

    Raises:
        MalformedFrameError: it does not tell.
    """
    detail = fields.get("header_detail")
    if not isinstance(detail, str) or detail not in FRAMES:
        raise MalformedFrameError(f"its header_detail is none of {', '.join(FRAMES)}: {reprlib.repr(detail)}")
    return FRAMES[detail]


def _header(fields: dict[str, Any], frames: list[Frame]) -> EigerLegacyHeader:
    expected = header_frames(fields)
    appendix = _appendix(frames, expected)
    info = json_object(frames[1], 1) if expected > 1 else None
    tables = {}
    for index in range(2, expected, 2):
        description = json_object(frames[index], index)
        tables[str(description.get("htype"))] = description, frames[index + 1]
    return EigerLegacyHeader.from_fields(fields | {"info": info, "tables": tables, "appendix": appendix})


def _image(fields: dict[str, Any], frames: list[Frame]) -> EigerLegacyImage:
    appendix = _appendix(frames, IMAGE_FRAMES)
    data = json_object(frames[1], 1) | {"buffer": frame_bytes(frames[2])}
    return EigerLegacyImage.from_fields(
        fields | {"data": data, "config": json_object(frames[3], 3), "appendix": appendix}
    )


def _appendix(frames: list[Frame], expected: int) -> Any:
    """Return what follows after the expected frames: what JSON says if it is JSON, else the text."""
    if len(frames) not in (expected, expected + 1):
        raise MalformedFrameError(f"it has {len(frames)} frames, not {expected} or with an appendix {expected + 1}")
    if len(frames) == expected:
        return None
    appendix = frame_bytes(frames[expected]).decode(errors="replace")
    try:
        return json.loads(appendix)
    except (ValueError, RecursionError):
        return appendix
