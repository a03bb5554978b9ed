"""What happens in a scan, as the scheduler is told of it.

Workers are known by names that are never used again, not even for the same worker restarted. Events come as ranges of
their numbers, first and last.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from dranspose.intervals import Range
from dranspose.protocol import StreamName
from dranspose.triggermap import Tags

Ranges: TypeAlias = tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Everyone who was expected is there, and knows the trigger map."""


@dataclass(frozen=True, slots=True)
class WorkerJoined:
    """A worker is ready for the scan; ``stateless`` if its class holds nothing of the events it returned None for."""

    worker: str
    tags: Tags
    stateless: bool = False


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker is dead, or out of reach, which is the same from now on."""

    worker: str


@dataclass(frozen=True, slots=True)
class IngesterLost:
    """An ingester is gone, and the frames that it kept with it."""

    ingester: str


@dataclass(frozen=True, slots=True)
class ReducerLost:
    """The reducer is gone, and what it made of the results with it."""


class Outcome(Enum):
    """How a call of `process_event` ended."""

    NONE = auto()  # it returned None
    RESULT = auto()  # it returned something that has been sent to the reducer
    FAILED = auto()  # it raised


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker has called `process_event` for what it was given of these events in this attempt.

    ``seconds``: how long a call took, on average. ``solo``: this is one event, given by `Solo`; the worker waits for
    `Proceed` before it calls the user's code again.
    """

    worker: str
    events: Ranges
    outcome: Outcome
    seconds: float
    attempt: int = 0
    solo: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A worker is about to call `process_event` for an event that it was given by `Solo`; it waits for `Proceed`."""

    worker: str
    event: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Reduced:
    """The reducer is done with the results that the worker made of these events in this attempt."""

    worker: str
    events: Ranges
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Fenced:
    """The reducer has told of all results of the worker that it took; it takes no more of them."""

    worker: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The frames of a stream in these events are lost, or will never come; none of them has been forwarded.

    Ingesters tell the workers too, in the place of the frame. A worker that gets no frame at all of what it was given
    of an event has nothing to do and nothing to report: the scheduler knows.
    """

    stream: StreamName
    events: Ranges


@dataclass(frozen=True, slots=True)
class ChangeParameters:
    """There is a new version of the parameters."""

    version: int


@dataclass(frozen=True, slots=True)
class Held:
    """An ingester forwards nothing any more; ``next_event`` is one more than the highest event that it forwarded."""

    ingester: str
    hold: int
    next_event: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The scan is to end early, with what has been begun."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The scan is to end at once."""


@dataclass(frozen=True, slots=True)
class WorkerFinished:
    """A worker has called `finish`."""

    worker: str


@dataclass(frozen=True, slots=True)
class ReducerFinished:
    """The reducer has called `finish`."""


Stimulus: TypeAlias = (
    Start
    | WorkerJoined
    | WorkerLost
    | IngesterLost
    | ReducerLost
    | Finished
    | Started
    | Reduced
    | Fenced
    | Missing
    | ChangeParameters
    | Held
    | Stop
    | Abort
    | WorkerFinished
    | ReducerFinished
)
