"""A LeCroy oscilloscope: sequences of traces that can be told apart."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Sequence

import numpy as np

from dranspose.data.lecroy import CONTINUOUS, PREPARE, SEQUENCE_END, SEQUENCE_START, STOP


def messages(
    sequences: int, channels: Sequence[int] = (2, 4), samples: int = 1000, triggers: int = CONTINUOUS
) -> Iterator[list[bytes]]:
    """Yield the messages of a series; in sequence i sample n of channel c is ``i + c / 10 + n * 1e-6`` V.

    Args:
        sequences: how many.
        channels: the numbers of the channels.
        samples: of each trace.
        triggers: of each sequence, or `CONTINUOUS`.
    """
    frame = 0
    traces = 1 if triggers == CONTINUOUS else triggers
    yield [_message(PREPARE, 0)]
    for sequence in range(sequences):
        if sequence == 0 or triggers != CONTINUOUS:
            yield [_message(SEQUENCE_START, frame, ntriggers=triggers, seqno=sequence, channels=list(channels))]
        for channel in channels:
            volts = np.tile(sequence + channel / 10 + np.arange(samples) * 1e-6, (traces, 1))
            description = {
                "htype": "traces", "ch": channel, "ts": float(sequence), "frame": frame, "shape": volts.shape,
                "horiz_offset": -1e-7, "horiz_interval": 1.25e-11, "dtype": volts.dtype.name,
            }  # fmt: skip
            times = [sequence + trigger / traces for trigger in range(traces)]
            yield [json.dumps(description).encode(), volts.tobytes(), pickle.dumps(times, protocol=4)]
            frame += 1
        yield [_message(SEQUENCE_END, frame)]
    yield [_message(STOP, frame, frames=frame)]


def _message(what: int, frame: int, **fields: object) -> bytes:
    return json.dumps({"htype": "msg", "what": what, "frame": frame, **fields}).encode()
