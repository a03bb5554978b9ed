"""Software triggers ask for what a stream has in the events of another, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import zmq

from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.source import SourceError
from dranspose.sources.triggered import TriggeredSource, software_triggers
from dranspose.triggermap import TriggerMap

CAMERA, OVEN = StreamName("camera"), StreamName("oven")


class Oven:
    """A source that remembers what it was asked for."""

    streams = (OVEN,)
    connections = 1
    several_series = False
    unanswered = ()
    sockets = ()
    triggered_by = CAMERA

    def __init__(self) -> None:
        self.asked: list[tuple[PacketKind, int]] = []

    def open(self, context: zmq.Context[Any]) -> None: ...

    def close(self) -> None: ...

    def read(self, readable: Any, limit: int) -> list[Packet | Skipped]:
        return []

    def trigger(self, kind: PacketKind, number: int) -> None:
        self.asked.append((kind, number))


def uniform(**streams: int) -> TriggerMap:
    return TriggerMap.from_json({"uniform": {"streams": streams, "events": 10}})


def asked_for(trigger_map: TriggerMap, events: range | list[int]) -> list[tuple[str, int]]:
    oven: TriggeredSource = (source := Oven())
    [trigger] = software_triggers(trigger_map, [oven])[CAMERA]
    trigger.fire(events)
    return [(kind.value, number) for kind, number in source.asked]


def test_a_frame_in_every_event() -> None:
    assert asked_for(uniform(camera=1, oven=1), range(12)) == [
        ("start", 0), *(("frame", number) for number in range(1, 11)), ("end", 11),
    ]  # fmt: skip


def test_a_frame_in_every_fourth_event() -> None:
    assert asked_for(uniform(camera=1, oven=4), range(12)) == [
        ("start", 0), ("frame", 1), ("frame", 2), ("frame", 3), ("end", 4),
    ]  # fmt: skip


def test_events_of_which_the_other_frame_is_missing() -> None:
    assert asked_for(uniform(camera=1, oven=4), [0, 2, 3, 4, 6, 9, 11]) == [("start", 0), ("frame", 3), ("end", 4)]


def test_a_scan_without_the_other_stream_is_refused() -> None:
    with pytest.raises(SourceError, match="stream 'oven' is read when a frame of 'camera' comes"):
        software_triggers(uniform(oven=1), [Oven()])
