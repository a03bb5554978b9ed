"""Parser of version 2 of the stream interface of DECTRIS detectors, which is CBOR."""

from __future__ import annotations

from typing import Any

import cbor2

from dranspose.data.cbor_arrays import Arrays, array_of, is_array
from dranspose.data.message import MalformedFrameError
from dranspose.data.stream2 import Stream2End, Stream2Image, Stream2Start
from dranspose.event import Frame, StreamData, frame_buffer

TYPE = "STREAM2"

SELF_DESCRIBED = b"\xd9\xd9\xf7"
"""The tag with which detectors begin a message (RFC 8949, section 3.4.6)."""


def parse(stream: StreamData) -> Stream2Start | Stream2Image | Stream2End:
    """Return the message that the one frame of a stream holds.

    Raises:
        MalformedFrameError: the frame is no such message. Arrays of channels are not looked into.
    """
    if stream.typ != TYPE:
        raise MalformedFrameError(f"a stream of type {stream.typ!r} is not {TYPE}")
    if len(stream.frames) != 1:
        raise MalformedFrameError(f"a {TYPE} message has one frame, not {len(stream.frames)}")
    match cbor_map(stream.frames[0]):
        case {"type": "start"} as fields:
            return Stream2Start.from_fields(_with_arrays(fields))
        case {"type": "image", "data": dict()} as fields:
            return Stream2Image.from_fields(_with_arrays(fields))
        case {"type": "end"} as fields:
            return Stream2End.from_fields(_with_arrays(fields))
        case _:
            raise MalformedFrameError("it is no start, image with data, or end")


def cbor_map(frame: Frame) -> dict[str, Any]:
    """Return the fields of a message.

    Raises:
        MalformedFrameError: the frame is no map in CBOR with texts as keys.
    """
    content = frame_buffer(frame)
    if content[: len(SELF_DESCRIBED)] == SELF_DESCRIBED:
        content = content[len(SELF_DESCRIBED) :]  # cbor2 makes a map that is tagged an immutable one
    try:
        fields = cbor2.loads(content)
    except Exception as error:  # noqa: BLE001 - it raises whatever damaged bytes lead it to
        raise MalformedFrameError(f"it is not CBOR: {error!s:.80}") from None
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise MalformedFrameError("it is no map with texts as keys")
    return fields


def _with_arrays(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _with_array(value) for name, value in fields.items()}


def _with_array(value: Any) -> Any:
    if is_array(value):
        return array_of(value)
    if isinstance(value, dict) and value and all(map(is_array, value.values())):
        return Arrays(value)
    return value
