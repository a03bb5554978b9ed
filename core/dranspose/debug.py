"""A worker class that shows what streams bring: for a worker of its own, with a tag such as ``debug``."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from dranspose.data.message import MalformedFrameError
from dranspose.data.stream1 import Stream1Data
from dranspose.event import EventData, Frame, StreamData, frame_buffer, frame_bytes
from dranspose.middlewares import stream1
from dranspose.protocol import StreamName

SHOWN_EVENTS = 50
SHOWN_BYTES = 2**16


class DebugWorker:
    """Publishes of each stream the header of its latest frame and its latest image, and makes no results.

    Attributes:
        publish: ``events``, a line for each of the latest, the newest last; and for each stream a group with
            ``header`` (text), ``parts`` (their sizes in bytes) and ``image``.
    """

    stateless = True

    def __init__(self, **_: object) -> None:
        self._lines: deque[str] = deque(maxlen=SHOWN_EVENTS)
        self.publish: dict[str, Any] = {}

    def process_event(self, event: EventData) -> None:
        """Publish what is in the event."""
        self._lines.append(f"{event.event_number}: {', '.join(_line(*item) for item in event.streams.items())}")
        self.publish["events"] = list(self._lines)
        for name, stream in event.streams.items():
            shown = {**self.publish.get(name, {}), "parts": [_size(frame) for frame in stream.frames]}
            if header := header_text(stream):
                shown["header"] = header
            if (image := _image(stream)) is not None:
                shown["image"] = image
            self.publish[name] = shown


def header_text(stream: StreamData) -> str:
    """Return the first part of a frame as text, empty if it is too large to be a header."""
    if not stream.frames or _size(stream.frames[0]) > SHOWN_BYTES:
        return ""
    return frame_bytes(stream.frames[0]).decode(errors="backslashreplace").replace("\0", "\\0")


def _line(name: StreamName, stream: StreamData) -> str:
    return f"{name} ({stream.typ}, {stream.length} parts, {sum(map(_size, stream.frames))} B)"


def _size(frame: Frame) -> int:
    return memoryview(frame_buffer(frame)).nbytes


def _image(stream: StreamData) -> Any:
    """Return the image of a stream, None if it has none, or in a form that is not known here."""
    try:
        message = stream1.parse(stream)
        return np.array(message.data) if isinstance(message, Stream1Data) else None
    except (MalformedFrameError, AttributeError):
        return None
