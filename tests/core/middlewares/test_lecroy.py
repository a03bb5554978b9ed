"""Sequences of a scope are what the capture of a real one holds; what is none is refused, and no pickle runs code."""

from __future__ import annotations

import json
import os
import pickle
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dranspose import raw_capture
from dranspose.data.lecroy import LECROY_TYPE, LecroyEnd, LecroyParsed, LecroyPrepare
from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.lecroy import parse
from dranspose.simulate.lecroy import messages


def lecroy(*frames: Frame) -> Any:
    return parse(StreamData(LECROY_TYPE, [*frames]))


def sequence(**options: Any) -> list[bytes]:
    """Return the frames of the only sequence of a series."""
    return [*chain.from_iterable([*messages(1, **options)][1:-1])]


def changed(index: int, **fields: object) -> list[Frame]:
    frames: list[Frame] = [*SEQUENCE]
    frames[index] = json.dumps({**json.loads(SEQUENCE[index]), **fields}).encode()
    return frames


def test_the_capture(captures: Path) -> None:
    prepare, start, *rest = raw_capture.read(captures / "maui-02-continuous-3.cbor.gz")
    stop = rest.pop()
    assert isinstance(lecroy(*prepare), LecroyPrepare)
    end = lecroy(*stop)
    assert isinstance(end, LecroyEnd)
    assert end.frames == 4
    expected = [
        (
            1740563664.870739,
            [(-0.00458128725313145, 0.00039550681321998127), (0.005284421413307427, 0.0024374988861382008)],
            [-1.0000447740009733e-07, -1.00005594745649e-07],
        ),
        (
            1740563664.335,
            [(0.0066137528210674645, 0.004031972234770365), (0.009769038504600758, 0.001180663522973191)],
            [-1.0000476809777178e-07, -1.000058854433234e-07],
        ),
    ]
    for frames, (time, first_and_last, offsets) in zip((rest[:3], rest[3:]), expected, strict=True):
        parsed = lecroy(*start, *chain.from_iterable(frames))
        assert isinstance(parsed, LecroyParsed)
        assert (parsed.channels, parsed.ntriggers, parsed.seqno) == ([2, 4], -1, 0)
        assert [traces.ch for traces in parsed.meta] == [2, 4]
        assert [traces.horiz_offset for traces in parsed.meta] == offsets
        assert {traces.horiz_interval for traces in parsed.meta} == {1.25000001668929e-11}
        assert [data.shape for data in parsed.data] == [(1, 8002)] * 2
        assert {data.dtype for data in parsed.data} == {np.dtype(np.float64)}
        assert [(data[0, 0], data[0, -1]) for data in parsed.data] == first_and_last
        assert parsed.timestamps == [[time], [time]]


SEQUENCE = sequence(channels=[1, 3], samples=5, triggers=2)


def test_a_sequence_of_several_triggers() -> None:
    parsed = lecroy(*SEQUENCE)
    assert (parsed.channels, parsed.ntriggers, parsed.seqno) == ([1, 3], 2, 0)
    np.testing.assert_allclose(parsed.data[1], np.tile(0.3 + np.arange(5) * 1e-6, (2, 1)))
    assert parsed.timestamps == [[0.0, 0.5]] * 2


class _Code:
    def __reduce__(self) -> Any:
        return os._exit, (3,)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "at least one frame"),
        ([b"{"], "frame 0 is not JSON"),
        ([b'{"htype": "msg", "what": 2, "frame": 0}'], "no prepare, start of a sequence, or stop"),
        ([b'{"htype": "msg", "what": "0"}'], "no prepare"),
        ([b'{"htype": "msg", "what": true, "ntriggers": 1}'], "cannot have what = True|lacks the field"),
        ([b'{"htype": "msg", "what": 3, "frame": 0}'], "lacks the field 'frames'"),
        (SEQUENCE[:-1], "a sequence of 2 channels has 8 frames, not 7"),
        ([*SEQUENCE, b""], "has 8 frames, not 9"),
        (changed(0, channels=[1]), "a sequence of 1 channels has 5 frames"),
        (changed(0, channels="13"), "channels = '13'"),
        ([*SEQUENCE[:4], b"[]", *SEQUENCE[5:]], "frame 4 is no JSON object"),
        (changed(1, shape=[2, 6]), "traces of channel 1: a blob of 80 bytes"),
        (changed(1, shape=[10**12, 10**12]), "a blob of 80 bytes"),
        (changed(4, dtype="object"), "traces of channel 3: 'object' is no type of numbers"),
        (changed(4, ch="3"), "ch = '3'"),
        ([*SEQUENCE[:3], pickle.dumps(_Code()), *SEQUENCE[4:]], "it names posix._exit"),
        ([*SEQUENCE[:3], pickle.dumps({0: 1}), *SEQUENCE[4:]], "no list of numbers"),
        ([*SEQUENCE[:3], pickle.dumps(["now"]), *SEQUENCE[4:]], "no list of numbers"),
        ([*SEQUENCE[:3], b"", *SEQUENCE[4:]], "no pickle of numbers"),
        ([*SEQUENCE[:3], b"\x80\x04]r\xff\xff\xff\x7f.", *SEQUENCE[4:]], "no pickle of numbers"),
    ],
)
def test_what_is_no_message_is_refused(frames: list[Frame], reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        lecroy(*frames)


def test_another_type_is_refused() -> None:
    with pytest.raises(MalformedFrameError, match="'STINS' is not lecroy"):
        parse(StreamData("STINS", [*SEQUENCE]))
