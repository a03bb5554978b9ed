"""The scheduler: which worker gets what, what is done, and what becomes of the rest when a worker is lost.

It is pure: stimuli go in, instructions come out; there is no socket, clock, thread or chance in it. The controller
tells it what the nodes report, and sends the nodes what it says.

The life of an event
    Its frames come to the ingesters and wait there. Each of its virtual workers is *bound* when its turn comes: to a
    worker that has the tags and *room*, which depends on how many lower events it has not finished. A broadcast goes to
    all workers with the tags when one of them has room for it. That is all the ingesters need to know: `Bind` speaks of
    ranges of virtual workers, and everyone has the trigger map. They forward as far as the worker's *window* reaches,
    which follows from how long its calls take.

    The worker calls `process_event` once, with all that it got of the event. If that returns None or raises, the
    worker's part is done as soon as it reports `Finished`; if there is a result, when the reducer reports `Reduced`.
    When all parties are done the event is *complete*, and the ingesters let go of its frames: `Release`.

When a worker is lost
    Its results may be on the way to the reducer. So the reducer is told to fence it off, `Fence`, and answers `Fenced`
    after it has told of every result that it took. What is undone then has not been reduced and never will be by this
    worker; it is bound again, each time as an *attempt* of its own, for a worker may have another part of the event.

    What the lost worker may have had in hand is *suspect*: it might have killed it. A suspect is given out alone,
    `Solo`, and the next worker waits for `Proceed` before it calls the user's code, and again before it goes on with
    other events. If it is lost in between, the event is *poisoned*: it is set aside, and the scan goes on. It may also
    kill a worker as it arrives: it is poisoned if several are lost that had it alone, before any has started it.

    Broadcasts are not bound again, as the other workers have got them. A worker that joins gets those that it missed.

The end
    The end packets are handed out when all other events are complete, so that classes that sum can return their sums.
    When nothing is left the workers finish, then the reducer, and the report of the scan is made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum, auto

from dranspose.intervals import IntervalSet, Range
from dranspose.protocol import StreamName
from dranspose.scheduling.agreement import Agreement
from dranspose.scheduling.completion import Completion
from dranspose.scheduling.credit import DEFAULT_LIMITS, CreditLimits
from dranspose.scheduling.handout import Handout
from dranspose.scheduling.instructions import (
    EndAt,
    Fence,
    FinishReducer,
    FinishWorkers,
    Hold,
    Instruction,
    Proceed,
    Release,
    Report,
    ScanFailed,
    ScanOver,
    UseParameters,
    Window,
)
from dranspose.scheduling.stimuli import (
    Abort,
    ChangeParameters,
    Fenced,
    Finished,
    Held,
    IngesterLost,
    Missing,
    Outcome,
    Ranges,
    Reduced,
    ReducerFinished,
    ReducerLost,
    Start,
    Started,
    Stimulus,
    Stop,
    WorkerFinished,
    WorkerJoined,
    WorkerLost,
)
from dranspose.scheduling.story import Log
from dranspose.scheduling.worker import Worker
from dranspose.triggermap import Tags, TriggerMap


class Phase(IntEnum):
    """How far a scan is."""

    WAITING = auto()
    RUNNING = auto()
    ENDING = auto()  # all events are complete but the end event
    FINISHING_WORKERS = auto()
    FINISHING_REDUCER = auto()
    OVER = auto()


class Scheduler:
    """The scheduler of one scan.

    Args:
        trigger_map: of the scan.
        ingesters: by name, each with its streams.
        credit_limits: how many events each worker may have in hand.

    Attributes:
        phase: how far the scan is.
    """

    def __init__(
        self,
        trigger_map: TriggerMap,
        ingesters: Mapping[str, Collection[StreamName]],
        credit_limits: CreditLimits = DEFAULT_LIMITS,
    ) -> None:
        self.phase = Phase.WAITING
        self._map = trigger_map
        self._end = trigger_map.end_event
        self._ingesters = dict(ingesters)
        self._out: list[Instruction] = []
        self._completion = Completion(trigger_map)
        self._handout = Handout(trigger_map, self._completion, self._out, credit_limits)
        self._agreement = Agreement(ingesters)
        self._stop_wanted = self._stopped = False
        self._lost: dict[str, None] = {}
        self._finishing: set[str] = set()
        self._state_lost = IntervalSet()
        self._failed = self._duplicates = self._unknown_reports = 0
        self._log = Log()

    def handle(self, *stimuli: Stimulus) -> list[Instruction]:
        """Take in what happened, one after the other; return what is to be done.

        A stimulus that is repeated does no harm. Many together cost less, here and in what the nodes are told.
        """
        for stimulus in stimuli:
            if self.phase is not Phase.OVER:
                self._react(stimulus)
                if self._completion.lowest >= self._handout.cut:
                    self._go_on()
        if released := self._completion.take_released():
            self._out.append(Release(tuple(released)))
        instructions = self._out.copy()
        self._out.clear()
        self._log.extend(stimuli, instructions)
        return instructions

    def report(self) -> Report:
        """Return how the scan stands."""
        total = self._map.total_events
        incomplete = self._completion.complete.gaps(0, total - 1)
        return Report(
            events=total,
            assigned=self._handout.assigned,
            completed=total - self._handout.left_out.size - _size(incomplete),
            skipped=self._handout.left_out.size,
            incomplete=tuple(incomplete),
            failed=self._failed,
            missing=self._handout.missing,
            poisoned=tuple(self._handout.poisoned),
            redispatched=self._handout.redispatched,
            state_lost=tuple(self._state_lost),
            duplicates=self._duplicates,
            unknown_reports=self._unknown_reports,
            lost_workers=tuple(self._lost),
        )

    def unserved(self) -> frozenset[Tags]:
        """Return the tags that something waits for and no worker has."""
        return self._handout.unserved()

    def windows(self) -> dict[str, int]:
        """Return how many events each worker may have in hand."""
        return {name: worker.credit.window for name, worker in self._handout.workers.items()}

    def story(self, event: int) -> list[str]:
        """Return in sentences what happened to an event, as far as it is remembered, and how it stands."""
        happened = self._log.story(event, self._map.recipients(event).virtual_workers)
        return happened + self._handout.whereabouts(event)

    def _react(self, stimulus: Stimulus) -> None:
        match stimulus:
            case Finished():
                self._finished(stimulus)
            case Reduced():
                self._reduced(stimulus)
            case Start():
                self._start()
            case WorkerJoined():
                self._worker_joined(stimulus)
            case WorkerLost():
                self._worker_lost(stimulus.worker)
            case Fenced():
                self._fenced(stimulus.worker)
            case Started():
                self._started(stimulus)
            case Missing():
                self._frames_missing(stimulus)
            case ChangeParameters():
                self._agreement.seek(stimulus)
                self._agree()
            case Held():
                self._agreement.held(stimulus)
                self._agree()
            case Stop():
                self._stop(stimulus)
            case Abort():
                self._end_with(ScanOver(self.report()))
            case IngesterLost():
                self._ingester_lost(stimulus.ingester)
            case ReducerLost():
                self._end_with(
                    ScanFailed("the reducer was lost, and with it what it made of the results", self.report())
                )
            case WorkerFinished():
                self._finishing.discard(stimulus.worker)
            case ReducerFinished():
                if self.phase is Phase.FINISHING_REDUCER:
                    self._end_with(ScanOver(self.report()))

    def _go_on(self) -> None:
        """Go from phase to phase, as all events but the end event are complete."""
        if self.phase is Phase.RUNNING:
            self.phase = Phase.ENDING
            self._hand_out_end()
        if self.phase is Phase.ENDING and self._nothing_is_left():
            self.phase = Phase.FINISHING_WORKERS
            self._finishing = set(self._handout.workers)
            if self._finishing:
                self._out.append(FinishWorkers(tuple(self._handout.workers)))
        if self.phase is Phase.FINISHING_WORKERS and not self._finishing:
            self.phase = Phase.FINISHING_REDUCER
            self._out.append(FinishReducer())

    # Events

    def _finished(self, report: Finished) -> None:
        worker = self._handout.workers.get(report.worker)
        if worker is None:
            self._unknown_reports += 1
            return
        if report.solo:
            self._out.append(Proceed(report.events[0][0], worker.name, report.attempt))
        books = worker.attempts.get(report.attempt)
        has_result = report.outcome is Outcome.RESULT
        finished = [] if books is None else books.finish(report.events, has_result=has_result)
        self._count_duplicates(report.events, finished)
        if not finished:
            return
        if not has_result:
            if report.outcome is Outcome.FAILED:
                self._failed += _size(finished)
            elif not worker.stateless:
                self._remember(worker, report.attempt, finished)
            self._handout.settle(worker, report.attempt, finished)
        elif self._handout.suspects:
            self._handout.clear_of_suspicion(finished)
        if worker.credit.measured(report.seconds):
            self._out.append(Window(worker.name, worker.credit.window))
        worker.tidy()
        if worker.suspects:
            self._handout.next_solo(worker)
        if self.phase is Phase.RUNNING:
            self._handout.fill(worker)

    def _remember(self, worker: Worker, attempt: int, ranges: Iterable[Range]) -> None:
        """Take note of what a worker may hold in its memory: not of broadcasts alone, which others have too."""
        for piece in ranges:
            for first, last, plain in self._completion.pieces(*piece):
                if plain or self._completion.is_bound_to(worker, attempt, first):
                    worker.remember(first, last)

    def _reduced(self, report: Reduced) -> None:
        worker = self._handout.workers.get(report.worker) or self._handout.fenced_off.get(report.worker)
        if worker is None:
            self._unknown_reports += 1
            return
        books = worker.attempts.get(report.attempt)
        reduced = [] if books is None else books.acknowledge(report.events)
        self._count_duplicates(report.events, reduced)
        self._handout.settle(worker, report.attempt, reduced)
        if worker.silent and any(last == self._end for _, last in reduced):
            worker.forget()
        worker.tidy()

    def _count_duplicates(self, reported: Ranges, new: list[Range]) -> None:
        if reported != (*new,):
            self._duplicates += _size(reported) - _size(new)

    def _started(self, report: Started) -> None:
        worker = self._handout.workers.get(report.worker)
        if worker is None:
            self._unknown_reports += 1
            return
        solo = report.event, report.attempt
        if worker.solos.get(solo):
            return
        if solo in worker.solos:
            worker.solos[solo] = True
        self._out.append(Proceed(report.event, worker.name, report.attempt))  # also if left out: the worker waits

    def _frames_missing(self, report: Missing) -> None:
        missing = self._completion.missing
        new = [piece for first, last in report.events for piece in missing.add(report.stream, first, last)]
        for worker in self._handout.frames_missing(new):
            if self.phase is Phase.RUNNING:
                self._handout.fill(worker)

    def _fill_all(self) -> None:
        if self.phase is Phase.RUNNING:
            self._handout.fill_all()

    # Nodes

    def _worker_joined(self, joined: WorkerJoined) -> None:
        known = joined.worker in self._handout.workers or joined.worker in self._lost
        if known or self.phase >= Phase.FINISHING_WORKERS:
            return
        worker = self._handout.add_worker(joined.worker, joined.tags, stateless=joined.stateless)
        if self._completion.lowest < self._map.total_events:
            self._handout.catch_up(worker)
        if self.phase is Phase.RUNNING:
            self._handout.fill(worker)

    def _worker_lost(self, name: str) -> None:
        worker = self._handout.workers.pop(name, None)
        if worker is None:
            return
        self._lost[name] = None
        if self.phase < Phase.FINISHING_WORKERS:
            self._handout.fenced_off[name] = worker
            self._out.append(Fence(name))
        elif name in self._finishing:
            self._finishing.discard(name)
            self._lose_state(worker)

    def _fenced(self, name: str) -> None:
        worker = self._handout.fenced_off.pop(name, None)
        if worker is None:
            return
        self._handout.blame(worker)
        self._handout.take_back(worker)
        self._lose_state(worker)
        if self._stopped:
            self._handout.leave_out_unserved()
        self._fill_all()

    def _lose_state(self, worker: Worker) -> None:
        for first, last in worker.silent_events():
            self._state_lost.add(first, last)

    def _ingester_lost(self, name: str) -> None:
        streams = sorted(stream for stream in self._ingesters.pop(name, ()) if stream in self._map.streams)
        self._agreement.lost(name)
        self._agree()
        if streams and self.phase < Phase.FINISHING_WORKERS:
            reason = f"ingester {name} was lost, and with it what it kept of the streams {', '.join(streams)}"
            self._end_with(ScanFailed(reason, self.report()))

    # Agreements

    def _stop(self, stop: Stop) -> None:
        if self.phase is Phase.WAITING:
            self._end_with(ScanOver(self.report()))
        elif self.phase < Phase.FINISHING_WORKERS and not self._stop_wanted:
            self._stop_wanted = True
            self._agreement.seek(stop)
            self._agree()

    def _agree(self) -> None:
        """Seek the next agreement, and let the ingesters go on with the one that they have reached."""
        while True:
            if (hold := self._agreement.begin()) is not None:
                self._out.append(Hold(hold))
            reached = self._agreement.reached()
            if reached is None:
                return
            change, event = reached
            if isinstance(change, ChangeParameters):
                self._out.append(UseParameters(change.version, event))
            else:
                self._end_at(event)

    def _end_at(self, event: int) -> None:
        # Workers get the end packets, so they are to get the header packets too.
        cut = min(event if self._end is None else max(event, 1), self._handout.cut)
        self._out.append(EndAt(cut))
        self._stopped = True
        self._handout.leave_out_from(cut)
        self._handout.leave_out_unserved()
        self._fill_all()

    # The end

    def _start(self) -> None:
        if self.phase is Phase.WAITING:
            self.phase = Phase.RUNNING
            self._fill_all()

    def _hand_out_end(self) -> None:
        """Give the end packets to the workers that are there; nobody is waited for."""
        if self._end is None or (record := self._completion.record(self._end)) is None:
            return
        broadcasts = self._map.recipients(self._end).broadcasts
        record.unserved.clear()
        workers = self._handout.workers.values()
        chosen = [worker for worker in workers if any(tags <= worker.tags for tags in broadcasts)]
        self._handout.broadcast(self._end, chosen)
        self._completion.finish_if_complete(self._end)

    def _nothing_is_left(self) -> bool:
        ended = self._completion.lowest == self._map.total_events
        return ended and not self._handout.fenced_off and all(worker.idle for worker in self._handout.workers.values())

    def _end_with(self, instruction: ScanOver | ScanFailed) -> None:
        self.phase = Phase.OVER
        self._out.append(instruction)


def _size(ranges: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)
