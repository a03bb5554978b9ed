"""Events out of several captures, and which worker gets which, as the live pipeline would have it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from operator import itemgetter

from dranspose.event import EventData, InternalWorkerMessage, StreamData, join
from dranspose.middlewares import stream1
from dranspose.protocol import EventNumber, StreamName

Messages = Iterator[InternalWorkerMessage]


def merge(inputs: Iterable[Messages]) -> Iterator[tuple[int, EventData]]:
    """Yield the events of all inputs in the order of their numbers, each with the scan that it belongs to.

    The messages that the inputs hold for a number are one event. Inputs may begin late, leave out numbers and end
    early; a number that an input repeats is an event of its own. An input in which the numbers begin again at 0 holds
    several scans; scans are counted from 0.

    Raises:
        JoinError: two inputs have the same stream.
    """
    keyed = [_with_keys(messages) for messages in inputs]
    if len(keyed) == 1:  # the common case, in a third of the time
        for (scan, _, _), message in keyed[0]:
            yield scan, join(message, ())
        return
    key = itemgetter(0)
    merged = heapq.merge(*keyed, key=key)
    for (scan, _, _), group in itertools.groupby(merged, key):
        messages = [message for _, message in group]
        yield scan, join(messages[0], messages[1:])


def _with_keys(messages: Messages) -> Iterator[tuple[tuple[int, int, int], InternalWorkerMessage]]:
    """Yield the messages of one input with their scan, number, and how often the number came before."""
    scan = repeated = 0
    previous = -1
    for message in messages:
        number = message.event_number
        repeated = repeated + 1 if number == previous else 0
        if number == 0 < previous:
            scan += 1
        previous = number
        yield (scan, number, repeated), message


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
        if not (shared and broadcast):
            yield [(next(turns), event)]
            continue
        chosen = 0 if shared >= event.streams.keys() else next(turns)
        others = (worker for worker in range(workers) if worker != chosen)
        yield [(chosen, event), *((worker, _part(event, shared)) for worker in others)]


def _part(event: EventData, names: set[StreamName]) -> EventData:
    """Return an event of these streams that another worker may change without a trace in the first one's."""
    parts = {name: StreamData(s.typ, list(s.frames)) for name, s in event.streams.items() if name in names}
    return EventData(event.event_number, parts)


def _with_shared_streams(events: Iterable[tuple[int, EventData]]) -> Iterator[tuple[EventData, set[StreamName]]]:
    begun: set[StreamName] = set()
    no_scan = -1, EventData(EventNumber(0), {})
    for (scan, event), (following_scan, _) in itertools.pairwise(itertools.chain(events, [no_scan])):
        shared: set[StreamName] = set()
        if not event.streams.keys() <= begun:
            shared = event.streams.keys() - begun
            begun |= shared
        if scan != following_scan:
            shared |= {name for name, stream in event.streams.items() if not stream1.is_image(stream)}
            begun.clear()
        yield event, shared
