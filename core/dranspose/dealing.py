"""Events out of several captures, and which worker gets which, as the live pipeline would have it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dranspose.event import EventData, InternalWorkerMessage, join
from dranspose.middlewares import stream1
from dranspose.protocol import EventNumber, StreamName

Messages = Iterator[InternalWorkerMessage]


@dataclass(slots=True)
class _Input:
    messages: Messages
    head: InternalWorkerMessage
    scan: int = 0

    def advance(self) -> bool:
        """Go on to the next message; return False at the end."""
        following = next(self.messages, None)
        if following is None:
            return False
        if following.event_number == 0 < self.head.event_number:
            self.scan += 1
        self.head = following
        return True


def merge(inputs: Iterable[Messages]) -> Iterator[tuple[int, EventData]]:
    """Yield the events of all inputs in the order of their numbers, each with the scan that it belongs to.

    The messages that the inputs hold for a number are one event. Inputs may begin late, leave out numbers and end
    early; a number that an input repeats is an event of its own. An input in which the numbers begin again at 0 holds
    several scans; scans are counted from 0.

    Raises:
        JoinError: two inputs have the same stream.
    """
    open_inputs = [_Input(messages, head) for messages in inputs if (head := next(messages, None)) is not None]
    while open_inputs:
        scan, number = min((i.scan, i.head.event_number) for i in open_inputs)
        taken = [i for i in open_inputs if (i.scan, i.head.event_number) == (scan, number)]
        event = join(i.head for i in taken)
        for exhausted in [i for i in taken if not i.advance()]:
            open_inputs.remove(exhausted)
        yield scan, event


def deal(
    events: Iterable[tuple[int, EventData]], workers: int, *, broadcast: bool = True
) -> Iterator[list[tuple[int, EventData]]]:
    """Yield for each event which of the workers, counted from 0, get what of it: each worker the next event, in turn.

    To all workers go the first packet of each stream in a scan, and the end packets: what the last event of a scan
    holds, except images. A worker whose turn it is not gets an event with these streams alone.

    Args:
        events: with their scans, as `merge` yields them.
        workers: how many there are.
        broadcast: False gives every packet to one worker only.
    """
    turns = itertools.cycle(range(workers))
    for event, shared in _with_shared_streams(events):
        common = shared if broadcast else set()
        if common and common >= event.streams.keys():
            yield [(worker, event) for worker in range(workers)]
            continue
        chosen = next(turns)
        shares = [(chosen, event)]
        if common:
            part = EventData(event.event_number, {name: event.streams[name] for name in common})
            shares += [(worker, part) for worker in range(workers) if worker != chosen]
        yield shares


def _with_shared_streams(events: Iterable[tuple[int, EventData]]) -> Iterator[tuple[EventData, set[StreamName]]]:
    begun: set[StreamName] = set()
    no_scan = -1, EventData(EventNumber(0), {})
    for (scan, event), (following_scan, _) in itertools.pairwise(itertools.chain(events, [no_scan])):
        shared = event.streams.keys() - begun
        begun |= shared
        if scan != following_scan:
            shared |= {name for name, stream in event.streams.items() if not stream1.is_image(stream)}
            begun.clear()
        yield event, shared
