"""Forwarding in whole scans with the real scheduler, whatever comes in whatever order."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core import scheduler_world
from tests.core.scheduler_world import Finish, Ingester, Part, Share, Worker, World
from tests.core.triggermap_strategies import documents

from dranspose.dataplane.forwarding import Forwarding
from dranspose.dataplane.wire import Share as Given
from dranspose.event import StreamData
from dranspose.protocol import StreamName
from dranspose.scheduling.instructions import Instruction
from dranspose.triggermap import Tags, TriggerMap


class Hello(NamedTuple):
    """A worker tells an ingester that it is there."""

    tags: Tags


class LiveWorld(World):
    """A world whose ingesters forward as real ones do; what is to be in each part follows from its own books."""

    def __init__(self, trigger_map: TriggerMap, *options: Any) -> None:
        super().__init__(trigger_map, *options)
        self.forwardings = {
            name: Forwarding(trigger_map, ingester.streams) for name, ingester in self.ingesters.items()
        }
        self.given: set[tuple[str, str, Part]] = set()

    def join(self, tags: Tags) -> None:
        before = set(self.workers)
        super().join(tags)
        for name in self.workers.keys() - before:
            for ingester in self.ingesters:
                self.send(name, ingester, Hello(tags))

    def _ingester_gets(self, ingester: Ingester, sender: str, message: object) -> None:
        forwarding = self.forwardings[ingester.name]
        match message:
            case Hello(tags):
                forwarding.meet(sender, tags)
                return
            case Finish(Part(event, attempt)):
                forwarding.done(sender, [(event, event, attempt)])
                return
            case _:
                instruction: Instruction = message  # type: ignore[assignment]
                forwarding.handle(instruction)
        super()._ingester_gets(ingester, sender, message)

    def _lose_frames(self, ingester: Ingester, stream: StreamName, events: list[int]) -> None:
        super()._lose_frames(ingester, stream, events)
        self.forwardings[ingester.name].lose(stream, tuple((event, event) for event in events))

    def frame_comes(self, ingester: Ingester, stream: StreamName) -> None:
        event = ingester.arrived[stream]
        super().frame_comes(ingester, stream)
        if any(self.map.needs(event).get(stream, ())) and (stream, event) not in self.lost:
            self.forwardings[ingester.name].take(stream, event, frame(stream, event))

    def steps(self) -> list[Any]:
        busy = [i for i in self.ingesters.values() if self.forwardings[i.name]._stirred and not i.held]
        return super().steps() + [(self.send_due, ingester) for ingester in busy]

    def parts_to_forward(self, ingester: Ingester) -> Any:
        return iter(())

    def send_due(self, ingester: Ingester) -> None:
        forwarding = self.forwardings[ingester.name]
        for worker, stream, version, shares in forwarding.due():
            for share in shares:
                self.send(ingester.name, worker, self.checked(ingester, worker, StreamName(stream), version, share))
        ingester.next_event = forwarding.next_event

    def checked(self, ingester: Ingester, worker: str, stream: StreamName, version: int, share: Given) -> Share:
        """Return what was given as the world sees it; it must be right, and the first of its kind."""
        part = Part(share.event, share.attempt)
        streams, parties = self.part(ingester, worker, part)
        assert (worker, stream, part) not in self.given
        self.given.add((worker, stream, part))
        assert worker not in ingester.fenced
        assert stream in streams
        assert share.streams == len(streams)
        assert share.solo == ((share.event, worker, share.attempt) in ingester.solos)
        assert version == [number for first, number in ingester.versions if first <= share.event][-1]
        assert ingester.cut is None or share.event < ingester.cut or share.event == self.map.end_event
        lost = (stream, share.event) in ingester.lost_frames
        assert share.data == (None if lost else frame(stream, share.event))
        assert share.event not in ingester.released
        came = frozenset() if share.data is None else frozenset([stream])
        return Share(part, came, frozenset([stream]) - came, streams, parties, share.solo, version)

    def part(self, ingester: Ingester, worker: str, part: Part) -> tuple[frozenset[str], frozenset[object]]:
        """Return the streams and the parties of what a worker is to get of an event in an attempt."""
        recipients = self.map.recipients(part.event)
        parties: set[object] = set()
        for virtual_worker in recipients.virtual_workers:
            bound_to, attempt, skip = ingester.bound.get(virtual_worker, ("", 0, ()))
            assert bound_to or part.attempt > 0
            solo = (part.event, worker, part.attempt) in ingester.solos
            if (bound_to, attempt) == (worker, part.attempt) and (part.event not in skip or solo):
                parties.add(virtual_worker)
        tags = self.workers[worker].tags
        if part.attempt == 0 and any(needed <= tags for needed in recipients.broadcasts):
            assert (part.event, worker) in ingester.named or (part.event, worker, 0) in ingester.solos
            parties.add(worker)
        streams = frozenset(
            stream
            for stream, who in self.map.needs(part.event).items()
            if parties.intersection(who.virtual_workers)
            or (worker in parties and any(needed <= tags for needed in who.broadcasts))
        )
        return streams, frozenset(parties)

    def _worker_gets(self, worker: Worker, message: object) -> None:
        super()._worker_gets(worker, message)
        if isinstance(message, Share) and message.part not in worker.shares and message.part not in worker.ready:
            for ingester in self.ingesters:  # no frame is left of it
                self.send(worker.name, ingester, Finish(message.part))


def frame(stream: str, event: int) -> StreamData:
    return StreamData(stream, [b"%d" % event])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    document=documents(),
    wrap=st.booleans(),
    seed=st.integers(0, 2**32),
    faults=st.sampled_from([0, 0.03, 0.1]),
    lossy=st.sampled_from([0, 0.2]),
    deadly=st.sets(st.integers(0, 20), max_size=2),
)
def test_every_worker_gets_its_parts(
    document: dict[str, Any], wrap: bool, seed: int, faults: float, lossy: float, deadly: set[int]
) -> None:
    trigger_map = TriggerMap.from_json(document, wrap=wrap)
    world = LiveWorld(trigger_map, Random(seed), deadly if faults else (), lossy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler_world, "validate", lambda _: None)  # the scheduler has tests of its own
        world.live(steps=300, faults=faults)
        world.drain()
    world.check()
