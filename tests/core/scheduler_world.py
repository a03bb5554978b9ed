"""A world around the scheduler: ingesters, workers and a reducer do what it says, in any order that can be.

Each message takes its own time; those from one node to another arrive in the order in which they were sent. Workers
join and die at any point, and what a dead worker sent last may be lost; a worker may be taken for dead and live on for
a while; reports are repeated; frames are lost; ingesters take in no more frames when they keep too many.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from tests.core.scheduler_invariants import validate

from dranspose.intervals import IntervalSet
from dranspose.protocol import StreamName
from dranspose.scheduler import Phase, Scheduler
from dranspose.scheduling import instructions as say
from dranspose.scheduling import stimuli as tell
from dranspose.scheduling.handout import DEADLY_ARRIVALS
from dranspose.scheduling.stimuli import Outcome
from dranspose.triggermap import Tags, TriggerMap

CONTROLLER, REDUCER = "controller", "reducer"


class Part(NamedTuple):
    """What a worker gets of an event in one attempt."""

    event: int
    attempt: int


class Share(NamedTuple):
    """What an ingester forwards of a part: which of its streams have a frame, what the whole part is."""

    part: Part
    frames: frozenset[str]
    missing: frozenset[str]
    streams: frozenset[str]
    parties: frozenset[object]  # virtual workers, and the worker's name for the broadcasts
    alone: bool
    version: int


class Finish(NamedTuple):
    """A worker tells ingesters that a part is no longer in hand."""

    part: Part


class Result(NamedTuple):
    part: Part
    parties: frozenset[object]


class EndOfWork(NamedTuple):
    """A node is to call `finish`."""


@dataclass
class Ingester:
    name: str
    streams: list[StreamName]
    bound: dict[int, tuple[str, int, IntervalSet]] = field(default_factory=dict)
    named: set[tuple[int, str]] = field(default_factory=set)
    solos: set[tuple[int, str, int]] = field(default_factory=set)
    windows: dict[str, int] = field(default_factory=dict)
    in_hand: dict[str, set[Part]] = field(default_factory=lambda: defaultdict(set))
    forwarded: set[tuple[str, Part]] = field(default_factory=set)
    fenced: set[str] = field(default_factory=set)
    released: IntervalSet = field(default_factory=IntervalSet)
    arrived: dict[StreamName, int] = field(default_factory=dict)  # all frames of lower events have come, or are lost
    lost_frames: set[tuple[StreamName, int]] = field(default_factory=set)
    held: bool = False
    cut: int | None = None
    next_event: int = 0
    versions: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])


@dataclass
class Worker:
    name: str
    tags: Tags
    stateless: bool
    joined_at: Phase
    shares: dict[Part, list[Share]] = field(default_factory=lambda: defaultdict(list))
    parties: dict[Part, frozenset[object]] = field(default_factory=dict)
    ready: list[Part] = field(default_factory=list)
    alone: set[Part] = field(default_factory=set)
    solo: Part | None = None  # what was told of it waits for `Proceed`
    latest: Part | None = None  # that it had in hand
    unreported: list[tuple[Part, Outcome]] = field(default_factory=list)
    processed: list[Part] = field(default_factory=list)
    alive: bool = True
    lost: bool = False  # the controller was told so, true or not
    finished: bool = False


class World:
    """A scan with everything around its scheduler.

    Args:
        trigger_map: of the scan.
        random: decides everything that the scheduler does not.
        deadly: the events that kill workers, when they are processed or as they arrive; some only with what comes for a
            virtual worker, or with the broadcasts.
        lossy: the share of frames that are lost.
        kept_frames: how many frames of a stream an ingester keeps before it takes in no more; those that are for all
            workers, which are kept anyway, do not count.
    """

    def __init__(
        self,
        trigger_map: TriggerMap,
        random: Random,
        deadly: Iterable[int] = (),
        lossy: float = 0,
        kept_frames: int = 100,
    ) -> None:
        self.map = trigger_map
        self.random = random
        self.deadly = {event: random.choice([(int,), (str,), (int, str)]) for event in deadly}
        self.deadly_on_arrival = {event for event in self.deadly if random.random() < 0.5}
        self.alone_with: dict[int, set[str]] = defaultdict(set)  # the workers that were to be given an event alone
        self.kept_frames = kept_frames
        streams = list(trigger_map.streams)
        split = [streams[::2], streams[1::2]]
        self.ingesters = {f"ingester{i}": Ingester(f"ingester{i}", some) for i, some in enumerate(split) if some}
        for ingester in self.ingesters.values():
            ingester.arrived = dict.fromkeys(ingester.streams, 0)
        self.together = random.choice([0, 0.5, 0.9])  # how likely the controller takes one more report with others
        self.lost = {
            (stream, event)
            for stream in streams
            for event in range(trigger_map.total_events)
            if random.random() < lossy and stream in trigger_map.needs(event)
        }
        self.workers: dict[str, Worker] = {}
        self.fenced_by_reducer: set[str] = set()
        self.reduced: Counter[tuple[int, object]] = Counter()
        self.processed: Counter[tuple[int, object]] = Counter()
        self.unacknowledged: list[tuple[str, Part]] = []
        self.channels: dict[tuple[str, str], deque[Any]] = defaultdict(deque)
        self.history: deque[tell.Stimulus] = deque(maxlen=20)
        self.stamps: dict[int, int] = {}
        self.remembering: dict[int, Worker] = {}  # plain events that a worker returned None for
        self.over: say.ScanOver | say.ScanFailed | None = None
        self.tag_sets = [*trigger_map.tag_sets, frozenset().union(*trigger_map.tag_sets), frozenset({"generic"})]
        self.version = 0
        self.scheduler = Scheduler(trigger_map, {i.name: i.streams for i in self.ingesters.values()})
        self.outcomes = {event: random.choice([*Outcome, Outcome.RESULT]) for event in range(trigger_map.total_events)}

    # What the controller does

    def tell(self, *stimuli: tell.Stimulus) -> None:
        for stimulus in stimuli:
            self.history.append(stimulus)
            if isinstance(stimulus, tell.WorkerLost):
                self.workers[stimulus.worker].lost = True
            if isinstance(stimulus, tell.WorkerFinished) and not self.workers[stimulus.worker].lost:
                self.workers[stimulus.worker].finished = True
            self._note_who_remembers(stimulus)
        for instruction in self.scheduler.handle(*stimuli):
            self._carry_out(instruction)
        validate(self.scheduler)

    def _note_who_remembers(self, stimulus: tell.Stimulus) -> None:
        if isinstance(stimulus, tell.Finished) and not self.workers[stimulus.worker].lost:
            incomplete = IntervalSet(self.scheduler.report().incomplete)
            for first, last in stimulus.events:
                for event in range(first, last + 1):
                    plain = self.map.plain_stop(event) > event
                    if plain and stimulus.outcome is Outcome.NONE and event in incomplete:
                        self.remembering[event] = self.workers[stimulus.worker]

    def _carry_out(self, instruction: say.Instruction) -> None:
        match instruction:
            case say.FinishWorkers(workers):
                for worker in workers:
                    self.send(CONTROLLER, worker, EndOfWork())
            case say.FinishReducer():
                self.send(CONTROLLER, REDUCER, EndOfWork())
            case say.ScanOver() | say.ScanFailed():
                self.over = instruction
            case say.Fence():
                self.send(CONTROLLER, REDUCER, instruction)
                self._to_ingesters(instruction)
            case say.Broadcast(event, workers):
                assert workers
                if event == self.map.end_event:
                    self.check_complete_but_end()
                self._to_ingesters(instruction)
            case say.Bind(first, last, worker):
                for virtual_worker in range(first, last + 1):
                    assert self.map.tags_of(virtual_worker) <= self.workers[worker].tags
                self._to_ingesters(instruction)
            case say.Proceed(_, worker):
                self.send(CONTROLLER, worker, instruction)
            case say.Solo(event, worker):
                self.alone_with[event].add(worker)
                self._to_ingesters(instruction)
            case _:
                self._to_ingesters(instruction)

    def _to_ingesters(self, instruction: say.Instruction) -> None:
        for ingester in self.ingesters:
            self.send(CONTROLLER, ingester, instruction)

    # Messages

    def check_complete_but_end(self) -> None:
        """Assert that nothing is left to be done but the end event."""
        incomplete = [event for first, last in self.scheduler.report().incomplete for event in range(first, last + 1)]
        assert incomplete in ([], [self.map.end_event])

    def send(self, sender: str, receiver: str, message: object) -> None:
        self.channels[sender, receiver].append(message)

    def deliver(self, sender: str, receiver: str) -> None:
        message = self.channels[sender, receiver].popleft()
        if receiver == CONTROLLER:
            self.tell(message, *self._more_reports())
        elif receiver == REDUCER:
            self._reducer_gets(sender, message)
        elif receiver in self.ingesters:
            self._ingester_gets(self.ingesters[receiver], sender, message)
        elif self.workers[receiver].alive:
            self._worker_gets(self.workers[receiver], message)

    def _more_reports(self) -> Iterator[tell.Stimulus]:
        """Yield what the controller takes together with what it takes first."""
        to_controller = [messages for (_, receiver), messages in self.channels.items() if receiver == CONTROLLER]
        while self.random.random() < self.together and (waiting := list(filter(None, to_controller))):
            yield self.random.choice(waiting).popleft()

    # Ingesters

    def _ingester_gets(self, ingester: Ingester, sender: str, message: object) -> None:
        match message:
            case say.Bind(first, last, worker, attempt, skip):
                for virtual_worker in range(first, last + 1):
                    ingester.bound[virtual_worker] = worker, attempt, IntervalSet(skip)
            case say.Broadcast(event, workers):
                ingester.named.update((event, worker) for worker in workers)
            case say.Window(worker, events):
                ingester.windows[worker] = events
            case say.Solo(event, worker, attempt):
                ingester.solos.add((event, worker, attempt))
            case say.Poison(event):
                assert event not in ingester.released
            case say.Release(events):
                for first, last in events:
                    ingester.released.add(first, last)
            case say.Fence(worker):
                ingester.fenced.add(worker)
                ingester.in_hand.pop(worker, None)
            case say.Hold(hold):
                ingester.held = True
                self.send(ingester.name, CONTROLLER, tell.Held(ingester.name, hold, ingester.next_event))
            case say.UseParameters(version, from_event):
                assert ingester.next_event <= from_event
                ingester.held = False
                ingester.versions.append((from_event, version))
            case say.EndAt(cut):
                assert ingester.next_event <= max(cut, 1) or ingester.next_event == self.map.total_events
                ingester.held = False
                ingester.cut = cut
                end = self.map.end_event
                for stream in ingester.streams:
                    late = [e for e in range(ingester.arrived[stream], cut) if stream in self.map.needs(e)]
                    if end is not None and ingester.arrived[stream] <= end and stream in self.map.needs(end):
                        late.append(end)
                    self._lose_frames(ingester, stream, late)
                    ingester.arrived[stream] = self.map.total_events
            case Finish(part):
                ingester.in_hand[sender].discard(part)
            case _:
                raise AssertionError(message)

    def _lose_frames(self, ingester: Ingester, stream: StreamName, events: list[int]) -> None:
        if events:
            ingester.lost_frames.update((stream, event) for event in events)
            ranges = tuple((event, event) for event in events)
            self.send(ingester.name, CONTROLLER, tell.Missing(stream, ranges))

    def streams_to_read(self, ingester: Ingester) -> list[StreamName]:
        """Return the streams of which an ingester takes in the next frame."""
        return [
            stream
            for stream, arrived in ingester.arrived.items()
            if arrived < self.map.total_events
            and sum(
                event not in ingester.released and self.map.needs(event)[stream].virtual_workers != ()
                for event in range(arrived)
                if stream in self.map.needs(event) and not self.map.recipients(event).broadcasts
            )
            < self.kept_frames
        ]

    def frame_comes(self, ingester: Ingester, stream: StreamName) -> None:
        event = ingester.arrived[stream]
        ingester.arrived[stream] += 1
        if (stream, event) in self.lost:
            self._lose_frames(ingester, stream, [event])

    def parts_to_forward(self, ingester: Ingester) -> Iterator[tuple[str, Share]]:
        """Yield what an ingester may forward now."""
        if ingester.held:
            return
        # An ingester works through events in order, as far as its slowest stream has come.
        limit = min(ingester.arrived.values())
        for event in range(limit):
            stopped = ingester.cut is not None
            if stopped and (event in ingester.released or ingester.cut <= event != self.map.end_event):
                continue
            needs = self.map.needs(event)
            mine = [stream for stream in ingester.streams if stream in needs]
            if not mine:
                continue
            parties: dict[tuple[str, int], set[object]] = defaultdict(set)
            recipients = self.map.recipients(event)
            all_bound = all(v in ingester.bound for v in recipients.virtual_workers)
            for v in recipients.virtual_workers:
                if v in ingester.bound:
                    worker, attempt, skip = ingester.bound[v]
                    if event not in skip or (event, worker, attempt) in ingester.solos:
                        parties[worker, attempt].add(v)
            for name in self.workers:
                if (event, name) in ingester.named or (event, name, 0) in ingester.solos:
                    parties[name, 0].add(name)
            for (name, attempt), theirs in parties.items():
                part = Part(event, attempt)
                tags = self.workers[name].tags
                if name in ingester.fenced or (name, part) in ingester.forwarded:
                    continue
                broadcast_to = any(t <= tags for t in recipients.broadcasts)
                if attempt == 0 and (not all_bound or (broadcast_to and name not in theirs)):
                    continue
                streams = frozenset(
                    stream
                    for stream, who in needs.items()
                    if any(v in theirs for v in who.virtual_workers)
                    or (name in theirs and any(t <= tags for t in who.broadcasts))
                )
                given = [stream for stream in mine if stream in streams]
                if not given:
                    continue
                alone = (event, name, attempt) in ingester.solos
                lower = sum(other.event < event for other in ingester.in_hand[name])
                if not alone and lower >= ingester.windows[name]:
                    continue
                missing = frozenset(s for s in given if (s, event) in ingester.lost_frames)
                version = [v for first, v in ingester.versions if first <= event][-1]
                yield name, Share(part, frozenset(given) - missing, missing, streams, frozenset(theirs), alone, version)

    def forward(self, ingester: Ingester, name: str, share: Share) -> None:
        event = share.part.event
        if share.frames:
            assert event not in ingester.released, f"event {event} was released, but {name} is to get it"
            assert self.stamps.setdefault(event, share.version) == share.version
            ingester.next_event = max(ingester.next_event, event + 1)
        ingester.forwarded.add((name, share.part))
        if share.frames and self.workers[name].alive:
            ingester.in_hand[name].add(share.part)
        self.send(ingester.name, name, share)

    # Workers

    def _worker_gets(self, worker: Worker, message: object) -> None:
        match message:
            case Share() if self._kills_on_arrival(message):
                self.kill(worker)
            case Share():
                shares = worker.shares[message.part]
                shares.append(message)
                assert len({(share.streams, share.parties) for share in shares}) == 1, shares
                if frozenset().union(*(s.frames | s.missing for s in shares)) == message.streams:
                    del worker.shares[message.part]
                    if not any(share.frames for share in shares):
                        return  # nothing came of it; the scheduler knows
                    worker.ready.append(message.part)
                    worker.parties[message.part] = message.parties
                    if any(share.alone for share in shares):
                        worker.alone.add(message.part)
            case say.Proceed(event, _, attempt) if worker.solo == (event, attempt):
                if worker.solo in worker.parties:
                    self.call(worker, worker.solo)
                else:
                    worker.solo = None
            case say.Proceed():
                pass  # repeated
            case EndOfWork():
                self.send(worker.name, CONTROLLER, tell.WorkerFinished(worker.name))

    def process(self, worker: Worker) -> None:
        """Let a worker call `process_event`, or say that it is going to."""
        part = worker.ready.pop(self.random.randrange(len(worker.ready)))
        if part in worker.alone:
            self.report(worker)
            worker.solo = worker.latest = part
            self.send(worker.name, CONTROLLER, tell.Started(worker.name, *part))
        else:
            self.call(worker, part)

    def call(self, worker: Worker, part: Part) -> None:
        """Let a worker call `process_event`."""
        worker.latest = part
        if self._is_deadly(part, worker.parties[part]):
            self.kill(worker)
            return
        worker.processed.append(part)
        parties = worker.parties.pop(part)
        self.processed.update((part.event, party) for party in parties)
        outcome = self.outcomes[part.event]
        if outcome is Outcome.RESULT:
            self.send(worker.name, REDUCER, Result(part, parties))
        worker.unreported.append((part, outcome))
        for ingester in self.ingesters:
            self.send(worker.name, ingester, Finish(part))
        if part == worker.solo:
            self.report(worker)

    def _kills_on_arrival(self, share: Share) -> bool:
        deadly = share.part.event in self.deadly_on_arrival and self._is_deadly(share.part, share.parties)
        return deadly and bool(share.frames)

    def _is_deadly(self, part: Part, parties: Iterable[object]) -> bool:
        return any(isinstance(party, self.deadly.get(part.event, ())) for party in parties)

    def report(self, worker: Worker) -> None:
        """Let a worker tell what it has finished."""
        groups: dict[tuple[int, Outcome], IntervalSet] = defaultdict(IntervalSet)
        for (event, attempt), outcome in worker.unreported:
            groups[attempt, outcome].add(event, event)
        worker.unreported.clear()
        for (attempt, outcome), events in groups.items():
            seconds = self.random.choice([0.00001, 0.01, 0.1])
            solo = worker.solo is not None
            finished = tell.Finished(worker.name, tuple(events), outcome, seconds, attempt, solo)
            self.send(worker.name, CONTROLLER, finished)

    def join(self, tags: Tags) -> None:
        """Let a worker join."""
        name = f"worker{len(self.workers)}"
        phase = self.scheduler.phase
        self.workers[name] = Worker(name, tags, self.random.random() < 0.5, phase)
        self.tell(tell.WorkerJoined(name, tags, self.workers[name].stateless))

    def kill(self, worker: Worker) -> None:
        """Let a worker die; some of what it sent last is lost."""
        worker.alive = False
        for (sender, _), messages in self.channels.items():
            if sender == worker.name:
                for _ in range(self.random.randint(0, len(messages))):
                    messages.pop()
        self.send(worker.name, CONTROLLER, tell.WorkerLost(worker.name))

    def lose(self, worker: Worker) -> None:
        """Let the controller take a worker for dead, whether it is or not."""
        self.tell(tell.WorkerLost(worker.name))

    # The reducer

    def _reducer_gets(self, sender: str, message: object) -> None:
        match message:
            case Result(part, parties):
                if sender not in self.fenced_by_reducer:
                    self.reduced.update((part.event, party) for party in parties)
                    self.unacknowledged.append((sender, part))
            case say.Fence(worker):
                self.acknowledge()
                self.fenced_by_reducer.add(worker)
                self.send(REDUCER, CONTROLLER, tell.Fenced(worker))
            case EndOfWork():
                self.acknowledge()
                self.send(REDUCER, CONTROLLER, tell.ReducerFinished())

    def acknowledge(self) -> None:
        """Let the reducer tell what it has reduced."""
        groups: dict[tuple[str, int], IntervalSet] = defaultdict(IntervalSet)
        for worker, (event, attempt) in self.unacknowledged:
            groups[worker, attempt].add(event, event)
        self.unacknowledged.clear()
        for (worker, attempt), events in groups.items():
            self.send(REDUCER, CONTROLLER, tell.Reduced(worker, tuple(events), attempt))

    # What may happen next

    def steps(self) -> list[Any]:
        """Return everything that can happen without a fault."""
        possible: list[Any] = [(self.deliver, *ends) for ends, messages in self.channels.items() if messages]
        for ingester in self.ingesters.values():
            possible += [(self.forward, ingester, name, share) for name, share in self.parts_to_forward(ingester)]
            possible += [(self.frame_comes, ingester, stream) for stream in self.streams_to_read(ingester)]
        for worker in self.workers.values():
            if worker.alive and worker.ready and worker.solo is None:
                possible.append((self.process, worker))
            if worker.alive and worker.unreported:
                possible.append((self.report, worker))
        if self.unacknowledged:
            possible.append((self.acknowledge,))
        return possible

    def step(self) -> bool:
        """Do something of what can happen; return False if nothing can."""
        possible = self.steps()
        if not possible:
            return False
        action, *arguments = self.random.choice(possible)
        action(*arguments)
        return True

    def fault(self) -> None:
        """Do something that only happens now and then."""
        alive = [worker for worker in self.workers.values() if worker.alive]
        random = self.random
        match random.choice([*["join", "kill"] * 2, "lose", *["repeat"] * 3, "parameters", "stop"]):
            case "join" if len(alive) < 6:
                self.join(random.choice(self.tag_sets))
            case "kill" if alive:
                self.kill(random.choice(alive))
            case "lose" if alive:
                self.lose(random.choice(alive))
            case "repeat" if self.history:
                self.tell(random.choice(self.history))
            case "parameters":
                self.version += 1
                self.tell(tell.ChangeParameters(self.version))
            case "stop" if random.random() < 0.2:
                self.tell(random.choice([*[tell.Stop()] * 4, tell.Abort()]))

    def live(self, steps: int, faults: float) -> None:
        """Let the scan run for some steps, of which a share are faults."""
        for _ in range(self.random.randint(0, 4)):
            self.join(self.random.choice(self.tag_sets))
        self.tell(tell.Start())
        for _ in range(steps):
            if self.over is None:
                if self.random.random() < faults:
                    self.fault()
                else:
                    self.step()

    def drain(self) -> None:
        """Let the scan come to its end without further faults; workers join as long as something waits for one."""
        joined = 0
        while self.over is None:
            if self.step():
                continue
            alive = [worker for worker in self.workers.values() if worker.alive and not worker.lost]
            assert self.scheduler.unserved() or not alive, self.scheduler.report()
            assert joined < 10 + 4 * len(self.deadly), self.scheduler.report()
            joined += 1
            self.join(frozenset().union(*self.map.tag_sets))

    # What must be true in the end

    def check(self) -> None:
        """Assert that every part of every event counted once."""
        assert isinstance(self.over, say.ScanOver)
        report = self.over.report
        aborted = isinstance(self.history[-1], tell.Abort)
        incomplete = IntervalSet(report.incomplete).size
        assert report.completed + report.skipped + incomplete == report.events == self.map.total_events
        assert report == self.scheduler.report()
        assert all(count == 1 for count in self.reduced.values()), self.reduced
        lost_frames = {frame for ingester in self.ingesters.values() for frame in ingester.lost_frames}
        poisoned = {event for first, last in report.poisoned for event in range(first, last + 1)}
        gone = [worker for worker in self.workers.values() if worker.lost and worker.latest]
        in_hand = {worker.latest.event for worker in gone}
        lost = {worker.name for worker in self.workers.values() if worker.lost}
        assert all(len(self.alone_with[event] & lost) >= DEADLY_ARRIVALS for event in poisoned - in_hand)
        if aborted:
            return
        assert incomplete == 0
        if report.skipped == 0:
            for event in range(self.map.total_events):
                self._check_event(event, poisoned, lost_frames)
        self._check_state_lost(report)

    def _check_event(self, event: int, poisoned: set[int], lost_frames: set[tuple[StreamName, int]]) -> None:
        needs = {stream: who for stream, who in self.map.needs(event).items() if (stream, event) not in lost_frames}
        virtual_workers, broadcasts = self.map.recipients(event)
        for v in virtual_workers:
            comes = any(v in who.virtual_workers for who in needs.values())
            if comes and int in self.deadly.get(event, ()):
                assert event in poisoned
            elif comes and event not in poisoned and self.outcomes[event] is Outcome.RESULT:
                assert self.reduced[event, v] == 1
            elif comes and event not in poisoned:
                assert self.processed[event, v] >= 1
            elif not comes and len(virtual_workers) == 1 and not broadcasts:
                assert self.processed[event, v] == 0
        for worker in self.workers.values():
            comes = any(tags <= worker.tags for who in needs.values() for tags in who.broadcasts)
            if worker.alive and not worker.lost and worker.joined_at < Phase.ENDING and event not in poisoned and comes:
                assert self.processed[event, worker.name] == 1

    def _check_state_lost(self, report: say.Report) -> None:
        named = {event for first, last in report.state_lost for event in range(first, last + 1)}
        for event, worker in self.remembering.items():
            returned = self.reduced[self.map.end_event, worker.name]
            gone = worker.name in report.lost_workers and not worker.finished
            assert (event in named) == (gone and not worker.stateless and not returned)
