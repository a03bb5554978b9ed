"""What holds in the books of a scheduler after every stimulus."""

from __future__ import annotations

from collections import Counter

from dranspose.intervals import IntervalSet
from dranspose.scheduler import Phase, Scheduler
from dranspose.scheduling.backlog import NEVER


def validate(scheduler: Scheduler) -> None:
    """Assert that the books are consistent; takes time for every event, so for small maps only."""
    trigger_map, handout, completion = scheduler._map, scheduler._handout, scheduler._completion
    assert scheduler._out == []
    total = trigger_map.total_events

    for events in _interval_sets(scheduler):
        bounds = events._bounds
        assert len(bounds) % 2 == 0
        assert bounds == sorted(set(bounds))
        assert all(0 <= bound <= total for bound in bounds)

    assert completion.lowest == completion.complete.next_gap(0)
    for event, record in completion.shared.items():
        assert event not in completion.complete
        assert record.virtual_workers or record.unserved or record.workers
        recipients = trigger_map.recipients(event)
        assert record.virtual_workers <= set(recipients.virtual_workers)
        assert record.unserved <= set(recipients.broadcasts)

    everyone = [*handout.workers.values(), *handout.fenced_off.values()]
    for worker in everyone:
        assert 0 in worker.attempts
        for attempt, books in worker.attempts.items():
            opened, returned = _numbers(books.open), _numbers(books.returned)
            assert not opened & returned
            assert _numbers(books.acknowledged) <= opened
            assert books.withheld <= opened - _numbers(books.acknowledged)
            assert attempt == 0 or opened or returned
            assert all((event, attempt) in worker.suspects for event in books.withheld)
        for event, attempt in worker.solos:
            assert event in worker.attempts[attempt].open
            assert event not in worker.attempts[attempt].withheld
        if worker in handout.workers.values():
            withheld = [(event, a) for a, books in worker.attempts.items() for event in books.withheld]
            assert not withheld or (worker.solos and min(worker.solos) < min(withheld))

    if scheduler.phase is Phase.OVER:
        return

    # Every virtual worker of an event that is not complete is in one place: the backlog, or with one worker.
    holders: Counter[tuple[int, int]] = Counter()
    for worker in everyone:
        for attempt, books in worker.attempts.items():
            for event in _numbers(books.undone()):
                mine = set(trigger_map.recipients(event).virtual_workers)
                if len(mine) > 1 or trigger_map.recipients(event).broadcasts:
                    mine = {v for v in mine if completion.owners.get(v) == (worker, attempt)}
                    if record := completion.shared.get(event):  # of a part, what has no frame may be done already
                        assert not mine or mine & record.virtual_workers or worker in record.workers
                        mine &= record.virtual_workers
                holders.update((event, v) for v in mine)
    lost = {v for backlog in handout._backlogs.values() for _, v in backlog.lost}
    for event in range(total):
        recipients = trigger_map.recipients(event)
        if event in completion.complete:
            continue
        record = completion.shared.get(event)
        for v in recipients.virtual_workers:
            backlog = handout._backlogs[trigger_map.tags_of(v)]
            in_backlog = (v >= backlog.fresh.first) + (v in lost)
            done = record is not None and v not in record.virtual_workers
            expected = 0 if done else 1
            assert holders[event, v] + in_backlog == expected or (done and in_backlog), scheduler.story(event)
        assert recipients != ((), ()) or event >= completion.lowest

    # Nobody waits who could be given something.
    if scheduler.phase is Phase.RUNNING:
        assert all(worker.demand(handout.cut) is None for worker in handout.workers.values())
    for backlog in handout._backlogs.values():
        assert backlog.event == min(
            backlog.fresh.event, backlog.broadcast, min((e for e, _ in backlog.lost), default=NEVER)
        )


def _numbers(events: IntervalSet) -> set[int]:
    return {event for first, last in events for event in range(first, last + 1)}


def _interval_sets(scheduler: Scheduler) -> list[IntervalSet]:
    handout = scheduler._handout
    found = [scheduler._completion.complete, handout.suspects, handout.poisoned, scheduler._state_lost]
    for worker in [*handout.workers.values(), *handout.fenced_off.values()]:
        for books in worker.attempts.values():
            found += [books.open, books.acknowledged, books.returned]
    return found


def held(scheduler: Scheduler) -> int:
    """Return how many ranges, events and virtual workers the books hold one by one."""
    completion = scheduler._completion
    return (
        sum(len(list(events)) for events in _interval_sets(scheduler))
        + len(completion.shared)
        + len(completion.owners)
        + len(completion._owned_until)
        + len(completion._released)
        + sum(len(backlog.lost) for backlog in scheduler._handout._backlogs.values())
        + sum(len(worker.suspects) + len(worker.attempts) for worker in scheduler._handout.workers.values())
    )
