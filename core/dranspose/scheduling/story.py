"""Stories: what happened to one event, told from a bounded log of stimuli and instructions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from dranspose.scheduling.instructions import (
    Bind,
    Broadcast,
    Fence,
    Instruction,
    Poison,
    Release,
    Solo,
)
from dranspose.scheduling.stimuli import Finished, Missing, Ranges, Reduced, Started, Stimulus

LOGGED = 10_000
"""How many stimuli and instructions are remembered, all together."""


class Log:
    """The latest stimuli, and behind them the instructions that they led to."""

    def __init__(self) -> None:
        self._messages: deque[Stimulus | Instruction] = deque(maxlen=LOGGED)

    def extend(self, stimuli: Iterable[Stimulus], instructions: Iterable[Instruction]) -> None:
        """Remember these, forget the oldest."""
        self._messages.extend(stimuli)
        self._messages.extend(instructions)

    def story(self, event: int, virtual_workers: Sequence[int]) -> list[str]:
        """Return a sentence for everything that happened to an event with these virtual workers."""
        hands: set[str] = set()  # the workers that had it
        return [sentence for message in self._messages for sentence in _tell(message, event, virtual_workers, hands)]


def _tell(
    message: Stimulus | Instruction, event: int, virtual_workers: Sequence[int], hands: set[str]
) -> Iterator[str]:
    match message:
        case Bind(first, last, worker, attempt, skip):
            for virtual_worker in virtual_workers:
                if first <= virtual_worker <= last:
                    hands.add(worker)
                    held_back = ", but held back or done" if _within(event, skip) else ""
                    yield f"virtual worker {virtual_worker} bound to {worker}, attempt {attempt}{held_back}"
        case Broadcast(number, workers) if number == event:
            hands.update(workers)
            yield f"broadcast to {', '.join(workers)}"
        case Solo(number, worker, attempt) if number == event:
            yield f"given to {worker} alone, attempt {attempt}"
        case Started(worker, number, attempt) if number == event:
            yield f"started alone by {worker}, attempt {attempt}"
        case Finished(worker, events, outcome, _, attempt) if _within(event, events):
            yield f"finished by {worker}, attempt {attempt}: {outcome.name.lower()}"
        case Reduced(worker, events, attempt) if _within(event, events):
            yield f"result of {worker} reduced, attempt {attempt}"
        case Missing(stream, events) if _within(event, events):
            yield f"frame of {stream} missing"
        case Fence(worker) if worker in hands:
            yield f"{worker} lost"
        case Poison(number) if number == event:
            yield "poisoned: its worker was lost while it had it alone"
        case Release(events) if _within(event, events):
            yield "released"


def _within(event: int, ranges: Ranges) -> bool:
    return any(first <= event <= last for first, last in ranges)
