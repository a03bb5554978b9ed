"""The handout: what is given to which worker, in the order of events, and to those with most room."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import count, islice, repeat

from dranspose.intervals import IntervalSet, Range, ranges_of
from dranspose.scheduling.backlog import NEVER, Backlog
from dranspose.scheduling.completion import Completion
from dranspose.scheduling.credit import Credit, CreditLimits
from dranspose.scheduling.instructions import Bind, Broadcast, Instruction, Poison, Solo, Window
from dranspose.scheduling.stimuli import Ranges
from dranspose.scheduling.worker import Attempt, Worker
from dranspose.triggermap import Run, Tags, TriggerMap

KEPT_BROADCASTS = 1000
"""So many events with broadcasts, the first ones, are never released: workers that join later get them too."""

DEADLY_ARRIVALS = 2
"""An event is poisoned when so many workers were lost that were given it alone and had not started it."""


class Handout:
    """Gives the virtual workers and the broadcasts of a scan to workers.

    Args:
        trigger_map: of the scan.
        completion: which events are complete.
        out: where the instructions go.
        credit_limits: of each worker.

    Attributes:
        workers: those that are alive, by name.
        fenced_off: those that are lost and whose results the reducer may still tell of, by name.
        cut: events from this one on are left out, except for the end event.
        suspects: the events that may have killed a worker.
        poisoned: the events that have.
        redispatched: how many parts of events were given to another worker because theirs was lost.
        missing: how many events have no frame at all.
        left_out: the events that were left out because the scan was stopped.
    """

    def __init__(
        self, trigger_map: TriggerMap, completion: Completion, out: list[Instruction], credit_limits: CreditLimits
    ) -> None:
        end = trigger_map.end_event
        self.workers: dict[str, Worker] = {}
        self.fenced_off: dict[str, Worker] = {}
        self.cut = trigger_map.total_events if end is None else end
        self.suspects = IntervalSet()
        self.poisoned = IntervalSet()
        self.left_out = IntervalSet()
        self.redispatched = self.missing = 0
        self._map = trigger_map
        self._completion = completion
        self._out = out
        self._credit_limits = credit_limits
        self._backlogs = {tags: Backlog(tags, trigger_map) for tags in trigger_map.tag_sets}
        self._arrivals: Counter[int] = Counter()  # at workers that were lost, of events given alone and not started
        self._orders = count()
        self._attempts = count(1)

    @property
    def assigned(self) -> int:
        """How many events have been handed out: all below the lowest one that there is something to hand out of."""
        lowest = min((backlog.event for backlog in self._backlogs.values()), default=NEVER)
        return lowest if lowest < self.cut else self._map.total_events - self.left_out.size

    def add_worker(self, name: str, tags: Tags, *, stateless: bool) -> Worker:
        """Return the books of a worker that takes part from now on."""
        backlogs = [backlog for backlog in self._backlogs.values() if backlog.tags <= tags]
        credit = Credit(self._credit_limits)
        worker = self.workers[name] = Worker(name, tags, stateless, next(self._orders), backlogs, credit)
        self._out.append(Window(name, worker.credit.window))
        return worker

    def fill(self, worker: Worker) -> None:
        """Give a worker what it has room for."""
        while demand := worker.demand(self.cut):
            self._hand_out(worker, *demand)

    def fill_all(self) -> None:
        """Give all workers what they have room for, little by little, the one with most room for its window first."""
        queue: list[tuple[float, int, Worker]] = []

        def queue_up(worker: Worker) -> None:
            if demand := worker.demand(self.cut):
                _, room = demand
                heapq.heappush(queue, (-room / worker.credit.window, worker.order, worker))

        for worker in self.workers.values():
            queue_up(worker)
        while queue:
            _, _, worker = heapq.heappop(queue)
            if demand := worker.demand(self.cut):
                backlog, room = demand
                share = max(worker.credit.window // 4, 1) if queue else room
                self._hand_out(worker, backlog, min(share, room))
                queue_up(worker)

    def broadcast(self, event: int, workers: list[Worker]) -> None:
        """Give the broadcasts of an event to workers."""
        suspect = event in self.suspects
        if workers and not suspect:
            self._out.append(Broadcast(event, tuple(worker.name for worker in workers)))
        if record := self._completion.record(event):
            record.workers.update(workers)
        for worker in workers:
            self._give(worker, 0, event, event)
            if suspect:
                self._withhold(worker, 0, event)
                self.next_solo(worker)

    def catch_up(self, worker: Worker) -> None:
        """Give a worker the broadcasts that others were given before it came."""
        for event in sorted(self._completion.kept | self._completion.shared.keys()):
            broadcasts = self._map.recipients(event).broadcasts
            mine = any(tags <= worker.tags for tags in broadcasts)
            if mine and self._is_broadcast(event, broadcasts) and event not in self.poisoned:
                self.broadcast(event, [worker])

    def next_solo(self, worker: Worker) -> None:
        """Give a worker its lowest suspect alone, unless it has a lower one in hand.

        A higher one in hand is no reason to wait: its frames may come only when lower events are complete.
        """
        while worker.suspects and not (worker.solos and min(worker.solos) < worker.suspects[0]):
            event, attempt = heapq.heappop(worker.suspects)
            if attempt in worker.attempts and event in worker.attempts[attempt].withheld:
                worker.attempts[attempt].withheld.discard(event)
                worker.solos[event, attempt] = False
                self._out.append(Solo(event, worker.name, attempt))

    def blame(self, worker: Worker) -> None:
        """Set aside what has killed a lost worker: what it had started alone, or else was given alone too often."""
        undone = [(event, attempt) for event, attempt in worker.solos if event in worker.attempts[attempt].undone()]
        deadly = [solo for solo in undone if worker.solos[solo]]
        if not deadly:
            self._arrivals.update({event for event, _ in undone})
            deadly = [(event, attempt) for event, attempt in undone if self._arrivals[event] >= DEADLY_ARRIVALS]
        for event, attempt in deadly:
            self._poison(worker, attempt, event)

    def _poison(self, worker: Worker, attempt: int, event: int) -> None:
        self.poisoned.add(event, event)
        self._out.append(Poison(event))
        self._completion.give_up_broadcasts(event)
        worker.attempts[attempt].drop(event, event)
        self.settle(worker, attempt, [(event, event)])

    def settle(self, worker: Worker, attempt: int, ranges: Collection[Range]) -> None:
        """Take note that a worker is done with its part of events."""
        for first, last in ranges:
            self._completion.settle(worker, attempt, first, last)
        if self.suspects:
            self.clear_of_suspicion(ranges)

    def clear_of_suspicion(self, ranges: Collection[Range]) -> None:
        """Suspect these events no more; but a part of a shared event says nothing of its other parts."""
        for piece in ranges:
            for first, last, plain in self._completion.pieces(*piece):
                if plain or first in self._completion.complete:
                    self.suspects.take(first, last)

    def frames_missing(self, ranges: Collection[Range]) -> list[Worker]:
        """Settle what is left without frames, now that those of a stream in these events are missing.

        Return the workers that had been given some of these events.
        """
        concerned = [
            worker
            for worker in self.workers.values()
            if any(books.open.overlap(*piece) for books in worker.attempts.values() for piece in ranges)
        ]
        for piece in ranges:
            for first, last, plain in list(self._completion.pieces(*piece)):
                if plain:
                    for begin, end in self._completion.missing.without_frames(first, last):
                        self._complete_without_frames(begin, end)
                else:
                    self.missing += len(self._completion.missing.without_frames(first, first))
                    for worker in concerned:
                        for attempt in worker.attempts:
                            self._settle_without_frames(worker, attempt, first)
        for worker in concerned:
            worker.tidy()
            self.next_solo(worker)
        return concerned

    def take_back(self, worker: Worker) -> None:
        """Put what a lost worker has not done into the backlogs again, and suspect what it may have had in hand."""
        for event in worker.withheld() | self._in_hand(worker):
            self.suspects.add(event, event)
        lost: dict[int, int] = {}  # virtual workers and the lowest event that each is to be bound again for
        for attempt, books in worker.attempts.items():
            for piece in books.undone():
                for first, last, plain in self._completion.pieces(*piece):
                    if plain:
                        found = self._map.virtual_workers_in(first, last + 1)
                    else:
                        found = [(v, first) for v in self._completion.abandon(worker, attempt, first)]
                    for virtual_worker, event in found:
                        lost[virtual_worker] = min(event, lost.get(virtual_worker, NEVER))
        for virtual_worker, event in lost.items():
            self._backlogs[self._map.tags_of(virtual_worker)].put_back(virtual_worker, event)

    def leave_out_from(self, cut: int) -> None:
        """Leave out the events from this one on, except for the end event."""
        if cut < self.cut:
            self._leave_out(cut, self.cut - 1)
            self.cut = cut

    def leave_out_unserved(self) -> None:
        """Leave out what no worker can be given."""
        for backlog in self._backlogs.values():
            while backlog.event < self.cut and not self._is_served(backlog.tags):
                if backlog.event == backlog.broadcast:
                    self._completion.record(backlog.take_broadcast())
                elif backlog.event == backlog.fresh.event:
                    for first, last in self._events_of(backlog.take_fresh(self.cut - backlog.event)):
                        self._leave_out(first, last)
                else:
                    for first, last in self._completion.undone(backlog.take_lost()):
                        self._leave_out(first, last)
        for event, record in list(self._completion.shared.items()):
            record.unserved = {tags for tags in record.unserved if self._is_served(tags)}
            self._completion.finish_if_complete(event)

    def unserved(self) -> frozenset[Tags]:
        """Return the tags that something waits for and no worker has."""
        waiting = {tags for tags, backlog in self._backlogs.items() if backlog.event < self.cut}
        waiting.update(*(record.unserved for record in self._completion.shared.values()))
        return frozenset(tags for tags in waiting if not self._is_served(tags))

    def whereabouts(self, event: int) -> list[str]:
        """Return in sentences how an event stands."""
        if event in self.left_out:
            return ["left out, as the scan was stopped"]
        if event in self._completion.complete:
            return ["complete"]
        found = []
        for worker in (*self.workers.values(), *self.fenced_off.values()):
            name = worker.name if worker.name in self.workers else f"{worker.name} (being fenced off)"
            for attempt, books in worker.attempts.items():
                if event in books.withheld:
                    found.append(f"suspect, held back for {name}, attempt {attempt}")
                elif event in books.acknowledged:
                    found.append(f"reduced, not reported by {name}, attempt {attempt}")
                elif event in books.open:
                    found.append(f"in the hands of {name}, attempt {attempt}")
                elif event in books.returned:
                    found.append(f"result of {name} not reduced, attempt {attempt}")
        virtual_workers, broadcasts = self._map.recipients(event)
        for virtual_worker in virtual_workers:
            backlog = self._backlogs[self._map.tags_of(virtual_worker)]
            if virtual_worker >= backlog.fresh.first or virtual_worker in (lost for _, lost in backlog.lost):
                whom = "room with a worker" if self._is_served(backlog.tags) else "a worker"
                found.append(f"virtual worker {virtual_worker} waits for {whom} with {_named(backlog.tags)}")
        waiting = self._completion.shared[event].unserved if event in self._completion.shared else broadcasts
        found += [f"broadcast waits for a worker with {_named(tags)}" for tags in waiting if not self._is_served(tags)]
        if not found and event == self._map.end_event:
            return ["waits until all other events are complete"]
        return found

    def _hand_out(self, worker: Worker, backlog: Backlog, events: int) -> None:
        if backlog.event == backlog.broadcast:
            self._broadcast_next(backlog)
        elif backlog.event == backlog.fresh.event:
            complete = self._completion.complete.next_gap(backlog.event) - backlog.event  # without frames
            self._bind(worker, backlog.take_fresh(max(events, complete)))
        else:
            self._bind_again(worker, backlog, events)

    def _broadcast_next(self, backlog: Backlog) -> None:
        """Hand out the next broadcast event: to all workers that have the tags of any of its broadcasts."""
        event = backlog.take_broadcast()
        broadcasts = self._map.recipients(event).broadcasts
        others = [tags for tags in broadcasts if tags != backlog.tags]
        if event in self._completion.complete or self._is_broadcast(event, others):
            return
        if len(self._completion.kept) < KEPT_BROADCASTS:
            self._completion.kept.add(event)
        workers = self.workers.values()
        self.broadcast(event, [worker for worker in workers if any(tags <= worker.tags for tags in broadcasts)])

    def _is_broadcast(self, event: int, broadcasts: Iterable[Tags]) -> bool:
        """Tell whether an event with broadcasts to these tags has been handed out."""
        return any(self._backlogs[tags].broadcast > event for tags in broadcasts)

    def _bind(self, worker: Worker, run: Run) -> None:
        """Bind virtual workers for the first time."""
        events = self._events_of(run)
        self._completion.own(range(run.first, run.stop), events, worker, 0)
        before = self._out[-1] if self._out else None
        if isinstance(before, Bind) and (before.worker, before.attempt, before.last) == (worker.name, 0, run.first - 1):
            self._out[-1] = Bind(before.first, run.stop - 1, worker.name)
        else:
            self._out.append(Bind(run.first, run.stop - 1, worker.name))
        for begin, end in events:
            for piece in self._completion.complete.gaps(begin, end):
                self._give(worker, 0, *piece)

    def _bind_again(self, worker: Worker, backlog: Backlog, events: int) -> None:
        """Bind virtual workers that have lost their worker, until they have this many events."""
        lost: dict[int, IntervalSet] = {}
        while events > 0 and backlog.lost:
            virtual_worker = backlog.take_lost()
            if undone := self._completion.undone(virtual_worker):
                lost[virtual_worker] = undone
                events -= undone.size
        for first, last in ranges_of(sorted(lost)):
            together = range(first, last + 1)
            undone = IntervalSet(piece for v in together for piece in lost[v])
            # An event may be undone for one virtual worker and done for another: these have different events to skip.
            if all(lost[v].size == sum(map(_length, self._among(undone, v))) for v in together):
                self._bind_attempt(worker, together, undone)
            else:
                for v in together:
                    self._bind_attempt(worker, range(v, v + 1), lost[v])
        worker.tidy()
        self.next_solo(worker)

    def _bind_attempt(self, worker: Worker, virtual_workers: range, undone: IntervalSet) -> None:
        """Bind virtual workers again, for the events that are undone."""
        attempt = next(self._attempts)
        worker.attempts[attempt] = Attempt()
        events = IntervalSet(piece for v in virtual_workers for piece in ranges_of(self._map.events_of(v)))
        suspects = [suspect for piece in undone for suspect in self.suspects.overlap(*piece)]
        self._completion.own(virtual_workers, list(events), worker, attempt)
        skip = _to_skip(events, undone, suspects)
        self._out.append(Bind(virtual_workers[0], virtual_workers[-1], worker.name, attempt, skip))
        self.redispatched += undone.size
        for piece in undone:
            self._give(worker, attempt, *piece)
        for first, last in suspects:
            for event in range(first, last + 1):
                self._withhold(worker, attempt, event)

    def _among(self, events: IntervalSet, virtual_worker: int) -> Iterator[Range]:
        """Yield which of the events are a virtual worker's."""
        for first, last in ranges_of(self._map.events_of(virtual_worker)):
            yield from events.overlap(first, last)

    def _give(self, worker: Worker, attempt: int, first: int, last: int) -> None:
        worker.attempts[attempt].open.add(first, last)
        if self._completion.missing:
            for event, _, plain in self._completion.pieces(first, last):
                if not plain:
                    self._settle_without_frames(worker, attempt, event)

    def _withhold(self, worker: Worker, attempt: int, event: int) -> None:
        books = worker.attempts[attempt]
        if event in books.open:
            books.withheld.add(event)
            heapq.heappush(worker.suspects, (event, attempt))

    def _settle_without_frames(self, worker: Worker, attempt: int, event: int) -> None:
        """Settle the worker's part of a shared event if all its frames are missing."""
        books = worker.attempts[attempt]
        if event in books.open and not self._completion.gets_frames(worker, attempt, event):
            books.drop(event, event)
            self.settle(worker, attempt, [(event, event)])

    def _complete_without_frames(self, first: int, last: int) -> None:
        """Make plain events complete all of whose frames are missing, bound or not."""
        for begin, end in self._completion.complete.gaps(first, last):
            self.missing += end - begin + 1
            self._forget(begin, end)
            self._completion.finish(begin, end)

    def _forget(self, first: int, last: int) -> None:
        self.suspects.take(first, last)
        for worker in (*self.workers.values(), *self.fenced_off.values()):
            for books in worker.attempts.values():
                if books.open.overlap(first, last) or books.returned.overlap(first, last):
                    books.drop(first, last)
            worker.tidy()
        for worker in self.workers.values():
            self.next_solo(worker)

    def _leave_out(self, first: int, last: int) -> None:
        for begin, end in self._completion.complete.gaps(first, min(last, self.cut - 1)):
            self.left_out.add(begin, end)
            self._forget(begin, end)
            self._completion.drop(begin, end)

    def _in_hand(self, worker: Worker) -> set[int]:
        """Return the events that a worker may have in hand."""
        sent = heapq.merge(*(zip(books.sent(), repeat(attempt)) for attempt, books in worker.attempts.items()))
        forwarded = (event for event, attempt in sent if attempt or self._is_handed_out(event, worker))
        return {*islice(forwarded, worker.credit.largest), *(event for event, _ in worker.solos)}

    def _is_handed_out(self, event: int, worker: Worker) -> bool:
        """Tell whether all that a worker is to get of an event in the first attempt has been handed out."""
        virtual_workers, broadcasts = self._map.recipients(event)
        bound = all(v < self._backlogs[self._map.tags_of(v)].fresh.first for v in virtual_workers)
        mine = any(tags <= worker.tags for tags in broadcasts)
        return bound and (not mine or self._is_broadcast(event, broadcasts))

    def _events_of(self, run: Run) -> list[Range]:
        return ranges_of(self._map.events_of(run.first)) if run.scattered else [(run.event, run.end - 1)]

    def _is_served(self, tags: Tags) -> bool:
        return any(tags <= worker.tags for worker in self.workers.values())


def _length(piece: Range) -> int:
    return piece[1] - piece[0] + 1


def _to_skip(events: IntervalSet, undone: IntervalSet, suspects: list[Range]) -> Ranges:
    """Return which of the events are not to be forwarded; events of others may lie in the ranges."""
    forward = IntervalSet(undone)
    for suspect in suspects:
        forward.take(*suspect)
    skip: list[Range] = []
    for first, last in (gap for piece in events for gap in forward.gaps(*piece)):
        if skip and not forward.overlap(skip[-1][0], last):
            skip[-1] = skip[-1][0], last
        else:
            skip.append((first, last))
    return tuple(skip)


def _named(tags: Tags) -> str:
    return f"the tags {', '.join(sorted(tags))}" if tags else "any tags"
