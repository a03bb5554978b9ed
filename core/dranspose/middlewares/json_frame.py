"""The JSON object that the first frame of a message is in many protocols."""

from __future__ import annotations

import json
import reprlib
from typing import Any

import orjson

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData, frame_buffer

MAX_BYTES = 2**24
NUMBERS = 2**63
"""All numbers of messages and frames are below it."""


def json_object(frame: Frame, index: int = 0) -> dict[str, Any]:
    """Return the fields that a frame of this index in its message holds.

    Raises:
        MalformedFrameError: it is no JSON object, or one of more than `MAX_BYTES`.
    """
    if len(frame) > MAX_BYTES:
        raise MalformedFrameError(f"frame {index} has {len(frame)} bytes, more than {MAX_BYTES}")
    content = frame_buffer(frame)
    try:
        fields = orjson.loads(content)
    except orjson.JSONDecodeError:
        fields = _beyond_json(bytes(content), index)
    if type(fields) is not dict:
        raise MalformedFrameError(f"frame {index} is no JSON object: {reprlib.repr(fields)}")
    return fields


def _beyond_json(content: bytes, index: int) -> Any:
    """Decode what Python's senders make of values that JSON does not have, such as ``NaN``."""
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedFrameError(f"frame {index} is not JSON: {error}") from None


def first_json_object(stream: StreamData, typ: str) -> dict[str, Any]:
    """Return the fields in the first frame of a stream of this type.

    Raises:
        MalformedFrameError: the stream is of another type, or its first frame is no JSON object.
    """
    if stream.typ != typ:
        raise MalformedFrameError(f"a stream of type {stream.typ!r} is not {typ}")
    if not stream.frames:
        raise MalformedFrameError(f"a {typ} message has at least one frame")
    return json_object(stream.frames[0])


def number(fields: dict[str, Any], name: str) -> int:
    """Return the number that a message has in one of its fields.

    Raises:
        MalformedFrameError: it has none, or none from 0 to 2**63 - 1.
    """
    given = fields.get(name)
    if type(given) is not int or not 0 <= given < NUMBERS:
        raise MalformedFrameError(f"its {name} is no number from 0 to 2**63 - 1: {reprlib.repr(given)}")
    return given
