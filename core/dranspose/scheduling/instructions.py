"""What the nodes are to do, as the scheduler says it; each instruction tells whom it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dranspose.scheduling.stimuli import Ranges


@dataclass(frozen=True, slots=True)
class Bind:
    """To ingesters: the virtual workers first..last are this worker, in this attempt.

    What a worker is given of an event in one attempt is one call of `process_event`. Attempt 0 is the first time that a
    virtual worker is bound; when it is bound again, the attempt has a number that no other `Bind` has. Attempt 0 of an
    event is, for a worker, all virtual workers first bound to it, and all broadcasts that it has the tags for. So an
    ingester forwards an event in attempt 0 only when all its virtual workers have been bound, and to a worker with the
    tags of one of its broadcasts only when `Broadcast` or `Solo` has named the worker. Then all ingesters agree on what
    the worker is given of the event.

    ``skip``: events that are not to be forwarded.
    """

    first: int
    last: int
    worker: str
    attempt: int = 0
    skip: Ranges = ()


@dataclass(frozen=True, slots=True)
class Broadcast:
    """To ingesters: in attempt 0, the workers are given the broadcasts of the event that they have the tags for."""

    event: int
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """To ingesters: an event may be forwarded to the worker if it has fewer than ``events`` lower ones unfinished.

    To the worker: so that it can show it.
    """

    worker: str
    events: int


@dataclass(frozen=True, slots=True)
class Solo:
    """To ingesters: forward what the worker gets of the event in this attempt, whatever its window.

    It is marked, so that the worker reports `Started` before the call and `Finished` after it, and waits for `Proceed`
    each time: if it is lost in between, it was this event that it had in hand.
    """

    event: int
    worker: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """To the worker: what it told of an event given by `Solo` has arrived, and cannot be lost with it: go on."""

    event: int
    worker: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Poison:
    """To ingesters: write the frames of the event to a capture: it killed its workers."""

    event: int


@dataclass(frozen=True, slots=True)
class Release:
    """To ingesters: these events are complete or left out, their frames are neither kept nor forwarded any more."""

    events: Ranges


@dataclass(frozen=True, slots=True)
class Fence:
    """To the reducer: take no more results of this worker, and answer `Fenced`. To ingesters: forward nothing to it."""

    worker: str


@dataclass(frozen=True, slots=True)
class Hold:
    """To ingesters: forward nothing until `UseParameters` or `EndAt`, and answer `Held` with this number."""

    hold: int


@dataclass(frozen=True, slots=True)
class UseParameters:
    """To ingesters: from this event on forward with this version of the parameters; and go on."""

    version: int
    from_event: int


@dataclass(frozen=True, slots=True)
class EndAt:
    """To ingesters: forward no event from this one on except the end event, and go on.

    Frames of lower events, and of the end event, that have not come will not come: report them as `Missing`.
    """

    event: int


@dataclass(frozen=True, slots=True)
class FinishWorkers:
    """To these workers: call `finish` and answer `WorkerFinished`."""

    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FinishReducer:
    """To the reducer: call `finish` and answer `ReducerFinished`."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a scan stands, or ended.

    Attributes:
        events: how many events the trigger map has.
        assigned: how many have been given to workers: all below the lowest one that there is something to give of.
        completed: how many are complete.
        skipped: how many were left out because the scan was stopped.
        incomplete: the events that are neither.
        failed: how often `process_event` raised.
        missing: how many events have no frame at all.
        poisoned: the events that killed their workers.
        redispatched: how many parts of events were given to another worker because theirs was lost.
        state_lost: the events that were in the memory of lost workers only.
        duplicates: how many parts of events were reported again.
        unknown_reports: how many reports came from workers that are not in the scan.
        lost_workers: the workers that were lost.
    """

    events: int
    assigned: int
    completed: int
    skipped: int
    incomplete: Ranges
    failed: int
    missing: int
    poisoned: Ranges
    redispatched: int
    state_lost: Ranges
    duplicates: int
    unknown_reports: int
    lost_workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanOver:
    """To the controller: the scan is over."""

    report: Report


@dataclass(frozen=True, slots=True)
class ScanFailed:
    """To the controller: the scan cannot go on, and is over."""

    reason: str
    report: Report


Instruction: TypeAlias = (
    Bind
    | Broadcast
    | Window
    | Solo
    | Proceed
    | Poison
    | Release
    | Fence
    | Hold
    | UseParameters
    | EndAt
    | FinishWorkers
    | FinishReducer
    | ScanOver
    | ScanFailed
)
