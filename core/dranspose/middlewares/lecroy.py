"""Parser of the messages of LeCroy oscilloscopes."""

from __future__ import annotations

import io
from collections.abc import Sequence

from dranspose import restricted_pickle
from dranspose.data.image import image_array
from dranspose.data.lecroy import (
    LECROY_TYPE,
    PREPARE,
    SEQUENCE_START,
    STOP,
    LecroyEnd,
    LecroyParsed,
    LecroyPrepare,
    LecroySequence,
    LecroyTraces,
)
from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData, frame_bytes
from dranspose.middlewares.json_frame import first_json_object, json_object

FRAMES_OF_TRACES = 3


def parse(stream: StreamData) -> LecroyPrepare | LecroyParsed | LecroyEnd:
    """Return what the frames of a LeCroy stream hold.

    Frame 0 is JSON. That of a sequence is its start, and three frames for each channel follow: a description in JSON,
    the samples, and a pickled list of times; then the end of the sequence, in JSON.

    Raises:
        MalformedFrameError: the frames are none of these, or the samples are not those described.
    """
    fields = first_json_object(stream, LECROY_TYPE)
    match fields:
        case {"htype": "msg", "what": int(what)} if what == PREPARE:
            return LecroyPrepare.from_fields(fields)
        case {"htype": "msg", "what": int(what)} if what == SEQUENCE_START:
            return _sequence(LecroySequence.from_fields(fields), stream.frames[1:])
        case {"htype": "msg", "what": int(what)} if what == STOP:
            return LecroyEnd.from_fields(fields)
        case _:
            raise MalformedFrameError("frame 0 is no prepare, start of a sequence, or stop")


def _sequence(start: LecroySequence, frames: Sequence[Frame]) -> LecroyParsed:
    expected = FRAMES_OF_TRACES * len(start.channels) + 1
    if len(frames) != expected:
        raise MalformedFrameError(
            f"a sequence of {len(start.channels)} channels has {1 + expected} frames, not {1 + len(frames)}"
        )
    parsed = LecroyParsed(start.channels, start.ntriggers, start.seqno, [], [], [])
    for at in range(0, expected - 1, FRAMES_OF_TRACES):
        description, samples, times = frames[at : at + FRAMES_OF_TRACES]
        traces = LecroyTraces.from_fields(json_object(description, at + 1))
        try:
            data = image_array(samples, traces.shape, traces.dtype, "none")
        except ValueError as error:
            raise MalformedFrameError(f"traces of channel {traces.ch}: {error}") from None
        parsed.meta.append(traces)
        parsed.data.append(data)
        parsed.timestamps.append(_times(times))
    return parsed


def _times(frame: Frame) -> list[float]:
    try:
        times = restricted_pickle.load(io.BytesIO(frame_bytes(frame)), {})
    except Exception as error:  # noqa: BLE001 - it raises whatever damaged bytes lead it to
        raise MalformedFrameError(f"its time stamps are no pickle of numbers: {error!s:.80}") from None
    if not isinstance(times, list) or not all(type(time) in (int, float) for time in times):
        raise MalformedFrameError("its time stamps are no list of numbers")
    return times
