"""The pickles of Contrast become messages, without running what they say."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.data.contrast import ContrastFinished, ContrastHeartbeat, ContrastRunning, ContrastStarted
from dranspose.data.message import MalformedFrameError
from dranspose.event import StreamData
from dranspose.middlewares.contrast import parse
from dranspose.simulate.player import messages

STARTED = {"status": "started", "path": "/data", "scannr": 3, "description": "ascan"}


def contrast(fields: object) -> StreamData:
    return StreamData("contrast", [pickle.dumps(fields, 2)])


def test_the_capture(captures: Path) -> None:
    parsed = [parse(StreamData("contrast", parts)) for parts in messages(captures / "contrast-dump.cbors")]
    assert [index for index, message in enumerate(parsed) if type(message) is ContrastHeartbeat] == [0, 13, 24, 25]
    started, *running, finished = [message for message in parsed if type(message) is not ContrastHeartbeat]
    for message, kind in ((started, ContrastStarted), (finished, ContrastFinished)):
        assert type(message) is kind
        assert message.scannr == 2
        assert message.description == "mesh sx -2 2 3 sy -2 2 4 0.1"
        assert message.path == "/data/staff/nanomax/commissioning_2023-2/diff_1130_stream_test/raw/dummy"
        assert isinstance(message.snapshot, dict)
    assert len(running) == 20
    assert all(type(message) is ContrastRunning for message in running)
    first, last = running[0], running[-1]
    assert (first.dt, first.sx, first.sy) == (2.410903215408325, -2.000431059888797, -2.0011940002441406)
    assert (last.dt, last.sx, last.sy) == (9.71180534362793, 1.9993820199451875, 2.000812530517578)
    for point, x, trigger in ((first, -2.004051863, 0.105702288), (last, 1.999828501, 0.105824744)):
        np.testing.assert_array_equal(point.pseudo["x"], np.array([x]), strict=True)
        np.testing.assert_array_equal(point.panda0["PCAP.TS_TRIG_Value"], np.array([trigger]), strict=True)
        assert point.xspress3["path"] == "/entry/instrument/xspress3/"
    assert started.snapshot["attenuator3_x"] == 0.536


def test_a_message_keeps_the_fields_of_its_detectors() -> None:
    running = parse(contrast({"status": "running", "dt": 0.5, "panda0": {"INENC1.VAL_Mean": np.array([1.5])}}))
    assert isinstance(running, ContrastRunning)
    assert running.panda0["INENC1.VAL_Mean"] == 1.5
    assert str(running) == "status='running' dt=0.5 panda0={'INENC1.VAL_Mean': array([1.5])}"


class Running:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("STINS", [b""]), "a stream of type 'STINS' is not contrast"),
        (StreamData("contrast", []), "a message of Contrast has one frame, not 0"),
        (StreamData("contrast", [b"topic", pickle.dumps(STARTED)]), "a message of Contrast has one frame, not 2"),
        (StreamData("contrast", [b'{"status": "started"}']), "frame 0 is no pickle of plain values"),
        (StreamData("contrast", [pickle.dumps(STARTED)[:-5]]), "frame 0 is no pickle of plain values"),
        (contrast({**STARTED, "snapshot": Running()}), "names posix.mkdir"),
        (contrast([STARTED]), "frame 0 is no dict"),
        (contrast({"dt": 0.5}), "status = None is that of no ContrastStarted"),
        (contrast({"status": "paused"}), "status = 'paused' is that of no ContrastStarted"),
        (contrast({"status": ["started"]}), r"status = \['started'\] is that of no ContrastStarted"),
        (contrast({"status": "started"}), "ContrastStarted lacks the field 'path'"),
        (contrast({**STARTED, "scannr": "3"}), "ContrastStarted cannot have scannr = '3'"),
        (contrast({**STARTED, 5: "5"}), "ContrastStarted cannot have a field 5"),
        (contrast({"status": "running", "dt": np.array([0.5])}), "ContrastRunning cannot have dt"),
    ],
)
def test_what_is_refused(stream: StreamData, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MalformedFrameError, match=reason):
        parse(stream)
    assert not list(tmp_path.iterdir())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        parse(StreamData("contrast", [frame]))
