"""Parser of what Contrast publishes: a pickled dict in one frame."""

from __future__ import annotations

import pickle
from typing import Any, get_args

from dranspose import pickled_arrays
from dranspose.data.contrast import ContrastFinished, ContrastHeartbeat, ContrastRunning, ContrastStarted
from dranspose.data.message import MalformedFrameError, message_of
from dranspose.event import StreamData

TYPE = "contrast"

ContrastMessage = ContrastStarted | ContrastRunning | ContrastFinished | ContrastHeartbeat
CLASSES: tuple[type[ContrastMessage], ...] = get_args(ContrastMessage)


def parse(stream: StreamData) -> ContrastMessage:
    """Return the message that the frame of a Contrast stream holds; its field ``status`` tells which.

    Raises:
        MalformedFrameError: the frames are no message of Contrast, or pickle more than plain values and arrays.
    """
    if stream.typ != TYPE:
        raise MalformedFrameError(f"a stream of type {stream.typ!r} is not {TYPE}")
    if stream.length != 1:
        raise MalformedFrameError(f"a message of Contrast has one frame, not {stream.length}")
    try:
        fields: Any = pickled_arrays.load(stream.frames[0])
    except pickle.UnpicklingError as error:
        raise MalformedFrameError(f"frame 0 is no pickle of plain values: {error}") from None
    if not isinstance(fields, dict):
        raise MalformedFrameError("frame 0 is no dict")
    return message_of(CLASSES, "status", fields)
