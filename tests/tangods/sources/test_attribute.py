"""Tango attributes as streams: by their change events, or read when a frame of another stream comes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tango
from tango.test_context import MultiDeviceTestContext
from tango.utils import PyTangoThread
from tests.core.sources.live import STREAM, Scan
from tests.tangods.sources.oven import Oven

from dranspose.data.message import MalformedFrameError
from dranspose.data.tango_attribute import TangoAttributeEnd, TangoAttributeStart, TangoAttributeValue
from dranspose.event import StreamData
from dranspose.middlewares.tango_attribute import parse
from dranspose.protocol import StreamName
from dranspose.sources.matching import MatchCounts, Phase
from dranspose.sources.packet import PacketKind
from dranspose_tango.sources import attribute as module
from dranspose_tango.sources.attribute import ChangeEventSource, ReadAlongSource

OVEN = "lab/oven/1"
TRIGGER = StreamName("camera")


@pytest.fixture(scope="module")
def oven() -> Iterator[tango.DeviceProxy]:
    with MultiDeviceTestContext([{"class": Oven, "devices": [{"name": OVEN}]}], process=False):
        yield tango.DeviceProxy(OVEN)


def read_along(name: str = "temperature") -> ReadAlongSource:
    return ReadAlongSource(STREAM, f"{OVEN}/{name}", TRIGGER)


def triggered(source: ReadAlongSource, frames: int) -> Scan:
    """Return a scan in which all frames are asked for at once."""
    scan = Scan(source, frames - 2)

    def is_over(scan: Scan) -> bool:
        if not asked:
            asked.append(True)
            for number in range(frames):
                kind = {0: PacketKind.START, frames - 1: PacketKind.END}.get(number, PacketKind.FRAME)
                source.trigger(kind, number)
        return scan.matcher.phase is Phase.OVER

    asked: list[bool] = []
    return scan.run(is_over)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 20.0),
        ("profile", np.array([1.0, np.nan, 3.0])),
        ("image", np.arange(6, dtype=np.uint16).reshape(2, 3)),
        ("sample", "LaB6 µ"),
        ("table", [["a", "b"], ["c", "d"]]),
        ("closed", True),
        ("count", 2**62 + 1),
        ("blob", np.array([1, 2], np.uint8)),
        ("State", "ON"),
        ("unknown", None),
    ],
)
def test_values_of_all_kinds(oven: tango.DeviceProxy, name: str, value: object) -> None:
    start, first, end = triggered(read_along(name), 3).parsed(parse).values()
    assert (type(start), type(first), type(end)) == (TangoAttributeStart, TangoAttributeValue, TangoAttributeEnd)
    assert first.attribute == f"{OVEN}/{name}"
    assert first.quality == ("ATTR_INVALID" if value is None else "ATTR_VALID")
    assert first.time >= start.time > 1.7e9
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(first.value, value, strict=True)
        assert not first.value.flags.writeable
    else:
        assert first.value == value


def test_what_cannot_be_read_has_no_value(oven: tango.DeviceProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Oven, "broken", True)
    scan = triggered(read_along(), 4)
    assert scan.matcher.counts == MatchCounts(delivered=4)
    assert ["the thermocouple is broken" in skipped.reason for skipped in scan.skipped] == [True] * 3
    *values, _ = scan.parsed(parse).values()
    assert [(value.value, value.quality) for value in values] == [(None, "ATTR_INVALID")] * 3


def test_it_is_read_again_after_a_while(oven: tango.DeviceProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Oven, "broken", True)
    monkeypatch.setattr(module, "RETRY_INTERVAL", 0.0)
    source = read_along()

    def is_over(scan: Scan) -> bool:
        """Ask for a frame after the one before has come."""
        number = len(scan.frames)
        if number < 4:
            Oven.broken = number < 2
            source.trigger([PacketKind.START, PacketKind.FRAME, PacketKind.FRAME, PacketKind.END][number], number)
        return number == 4

    oven.Heat(20.0)
    *values, _ = Scan(source, 2).run(is_over).parsed(parse).values()
    assert [value.value for value in values] == [None, None, 20.0]


def test_a_device_that_is_not_there() -> None:
    scan = triggered(ReadAlongSource(STREAM, "tango://127.0.0.1:1/lab/oven/2/temperature#dbase=no", TRIGGER), 3)
    assert scan.matcher.counts == MatchCounts(delivered=3)
    assert len(scan.skipped) == 2


def test_triggers_that_come_too_fast_are_counted(oven: tango.DeviceProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIGGERS", 0)
    scan = triggered(read_along(), 5)
    assert scan.matcher.counts == MatchCounts(delivered=5)
    assert [skipped.reason for skipped in scan.skipped] == [module.TOO_MANY] * 4


def test_each_change_is_a_frame(oven: tango.DeviceProxy) -> None:
    oven.Heat(10.0)
    scan = Scan(ChangeEventSource(STREAM, [f"{OVEN}/temperature"]), 5)
    over = threading.Event()

    def heat() -> None:
        """Heat on and on: Tango may lose events right after it has subscribed."""
        temperature = 10.0
        while not over.wait(0.01):
            temperature += 1
            oven.Heat(temperature)

    def is_over(scan: Scan) -> bool:
        if not heating.ident:
            heating.start()
        return scan.matcher.phase is Phase.OVER

    heating = PyTangoThread(target=heat)
    scan.run(is_over)
    over.set()
    heating.join()
    start, first, *values, end = scan.parsed(parse).values()
    assert start.value == 10.0
    assert [value.value for value in values] == [first.value + i for i in range(1, 5)]
    assert isinstance(end, TangoAttributeEnd)
    assert scan.missing == []


def test_an_attribute_without_change_events(oven: tango.DeviceProxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    source = ChangeEventSource(STREAM, [f"{OVEN}/profile"])
    source.open(None)  # type: ignore[arg-type]
    source.close()
    assert any(f"'detector': cannot subscribe to {OVEN}/profile" in message for message in caplog.messages)


@pytest.mark.parametrize("name", ["temperature", "lab/oven/1", ""])
def test_what_is_no_name_of_an_attribute(name: str) -> None:
    with pytest.raises(ValueError, match="is not DOMAIN/FAMILY/MEMBER/ATTRIBUTE"):
        ChangeEventSource(STREAM, [name])


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b"{}"], "kind = None is that of no TangoAttributeStart"),
        ([b'{"kind": "value"}'], "lacks the field 'attribute'"),
        ([b'{"kind": "value", "shape": [2], "type": "uint8"}', b"\0"], "frame 1 is not the array"),
        ([b'{"kind": "value", "shape": 2, "type": "uint8"}', b"\0"], "frame 1 is not the array"),
        ([b'{"kind": "value", "type": "uint8"}', b"\0"], "frame 1 is not the array"),
    ],
)
def test_what_is_no_value(frames: list[Any], reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        parse(StreamData("tango", frames))
