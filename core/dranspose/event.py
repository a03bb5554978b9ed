"""What passes through an analysis: the frames of a stream, events, and the results of workers.

These classes are not frozen: each event makes several of them, and a frozen one takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import zmq

from dranspose.protocol import EventNumber, HashDigest, StreamName, WorkerName

Frame = bytes | zmq.Frame


def frame_bytes(frame: Frame) -> bytes:
    """Return the content of a frame; a ``zmq.Frame`` is copied."""
    return frame if isinstance(frame, bytes) else frame.bytes


def frame_buffer(frame: Frame) -> bytes | memoryview:
    """Return the content of a frame without a copy."""
    return frame if isinstance(frame, bytes) else frame.buffer


@dataclass(slots=True, repr=False)
class StreamData:
    """The frames of one stream in one event, as they came from the source, and the tag of the protocol they are in.

    Text given as a frame is encoded as UTF-8. Raises TypeError for anything but ``bytes``, ``str`` and ``zmq.Frame``.
    """

    typ: str
    frames: list[Frame]

    def __post_init__(self) -> None:
        for frame in self.frames:
            if type(frame) is not bytes:
                self.frames = [_as_frame(frame) for frame in self.frames]
                return

    @property
    def length(self) -> int:
        """The number of frames."""
        return len(self.frames)

    def __repr__(self) -> str:
        frames = [frame_bytes(frame) for frame in self.frames]
        return f"StreamData(typ={self.typ!r}, frames={frames!r}, length={self.length})"


def _as_frame(frame: object) -> Frame:
    if isinstance(frame, bytes | zmq.Frame):
        return frame
    if isinstance(frame, str):
        return frame.encode()
    raise TypeError(f"a frame is bytes, str or zmq.Frame, not {type(frame).__name__}")


def fields_text(named: Mapping[str, object], separator: str = " ") -> str:
    """Return ``name=value`` of all fields, as log lines show events, results and messages."""
    # numpy 2 writes np.float64(9.5) for a scalar; the number alone is what a log line is read for
    with np.printoptions(legacy="1.25"):
        return separator.join(f"{name}={value!r}" for name, value in named.items())


@dataclass(slots=True)
class EventData:
    """One event as a worker gets it: the frames of all streams that belong together.

    Event numbers count from 0 within a scan. Several workers may get the same event, each with the streams that the
    trigger map gives it.
    """

    event_number: EventNumber
    streams: dict[StreamName, StreamData]

    def __str__(self) -> str:
        return fields_text({field.name: getattr(self, field.name) for field in fields(self)})


class InternalWorkerMessage(NamedTuple):  # made in a third of the time that a frozen dataclass takes
    """What one ingester forwards of one event; a capture is a sequence of these."""

    event_number: EventNumber
    streams: dict[StreamName, StreamData]
    created_at: datetime | None = None


class JoinError(ValueError):
    """Messages do not make up one event."""


def join(first: InternalWorkerMessage, others: Sequence[InternalWorkerMessage]) -> EventData:
    """Put the messages of several ingesters for one event together.

    Raises:
        JoinError: the messages have different event numbers, or a stream is in two of them.
    """
    if not others:
        return EventData(first.event_number, first.streams)
    streams = dict(first.streams)
    for message in others:
        if message.event_number != first.event_number:
            raise JoinError(f"events {first.event_number} and {message.event_number} cannot be joined")
        twice = streams.keys() & message.streams.keys()
        if twice:
            raise JoinError(f"event {first.event_number}: stream {min(twice)!r} comes from two inputs")
        streams.update(message.streams)
    return EventData(first.event_number, streams)


@dataclass(slots=True)
class ResultData:
    """What a worker returned for an event, as a reducer gets it."""

    event_number: EventNumber
    worker: WorkerName
    parameters_hash: HashDigest
    payload: Any

    def __str__(self) -> str:
        return fields_text({field.name: getattr(self, field.name) for field in fields(self)})
