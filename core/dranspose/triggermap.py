"""Trigger maps: which stream has a frame in which event, and which virtual worker gets it.

A map is a sequence of occurrences of parts. A part is held once however often it occurs, as arrays if it was given
event by event and as a handful of numbers if it is uniform, so a map is never expanded.

Inside, a recipient is a *code*: ``code >= 0`` is the number of a virtual worker, ``code < 0`` stands for every worker
that has the tags ``tag_sets[-1 - code]``. Within a part virtual workers are numbered from 0 in order of first use; in
the scan the numbers of each occurrence of a part follow those of the occurrence before it.
"""

from __future__ import annotations

import reprlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from dranspose.protocol import GENERIC_TAG, StreamName

Tags: TypeAlias = frozenset[str]
Integers: TypeAlias = npt.NDArray[np.signedinteger[Any]]

ONLY_PART = "main"
"""The name of the part of a map that was given without parts."""

START_AND_END = "reserved_start_end"
"""The name of the part that is added before and after the others."""

LIMIT = 2**62
"""All numbers in a map are below it, so that the sum of two of them fits int64."""


class TriggerMapError(ValueError):
    """A trigger map is malformed or cannot be served; names the part, the stream and the event within the part."""


class Recipients(NamedTuple):
    """Who gets a frame, or takes part in an event; both empty: nobody."""

    virtual_workers: tuple[int, ...]
    broadcasts: tuple[Tags, ...]


class Run(NamedTuple):
    """The virtual workers first..stop-1, of which each has the next ``batch`` events from ``event`` on.

    ``end`` - 1 is the last event: the last virtual worker may have fewer. A virtual worker that has events of others
    between its own is a run by itself.
    """

    first: int
    stop: int
    event: int
    batch: int
    end: int

    @property
    def scattered(self) -> bool:
        """Whether events of others lie between those of the run."""
        return self.end - self.event > (self.stop - self.first) * self.batch


class Routes(NamedTuple):
    """Events with their recipients: ``codes[offsets[i]:offsets[i + 1]]`` (see the module) belong to ``events[i]``.

    Arrays of shapes (n,), (n + 1,) and (offsets[n],); ``events`` ascends.
    """

    events: Integers
    offsets: Integers
    codes: Integers

    @classmethod
    def of(cls, events: npt.ArrayLike, offsets: npt.ArrayLike, codes: npt.ArrayLike) -> Routes:
        """Return routes as int32 arrays."""
        return cls(*(np.asarray(numbers, np.int32) for numbers in (events, offsets, codes)))

    def codes_at(self, event: int) -> list[int] | None:
        """Return the codes of an event, None if it is not among the events."""
        i = bisect_left(self.events, event)  # searchsorted would first convert the whole array to int64
        if i == len(self.events) or self.events[i] != event:
            return None
        codes: list[int] = self.codes[self.offsets[i] : self.offsets[i + 1]].tolist()
        return codes


NOWHERE = Routes.of([], [0], [])

_VIRTUAL_WORKER = frozenset({"tags", "constraint"})
_GENERIC = [GENERIC_TAG]

_AT_ONCE = 4096
"""How many numbers of a part are made Python's integers at a time."""


@dataclass(frozen=True, slots=True)
class _UniformPart:
    """A part in which ``batch`` consecutive events share a virtual worker.

    Stream s has a frame in every ``streams[s]``-th event from 0 on, and at least one stream has one in each event.
    ``tags`` is the number of the tag set that all virtual workers have.
    """

    events: int
    streams: dict[StreamName, int]
    batch: int
    tags: int

    @classmethod
    def from_json(cls, name: str, part: dict[str, Any], numbers: dict[Tags, int]) -> _UniformPart:
        """Return the part that the JSON describes; a tag set that has no number yet gets the next one."""
        here = f"part {name!r}"
        if unknown := set(part) - {"streams", "events", "batch", "tags"}:
            raise TriggerMapError(f"{here}: a uniform part has no {reprlib.repr(min(unknown))}")
        streams = part.get("streams")
        if isinstance(streams, list):
            if len({stream for stream in streams if isinstance(stream, str)}) != len(streams):
                raise TriggerMapError(f"{here}: streams must be different names, not {reprlib.repr(streams)}")
            streams = dict.fromkeys(streams, 1)
        every = {
            StreamName(stream): _whole(k, f"{here}, stream {stream!r}: events per frame", 1)
            for stream, k in _mapping(streams, f"{here}: streams").items()
        }
        if 1 not in every.values():
            raise TriggerMapError(f"{here}: at least one stream of a uniform part must have a frame in every event")
        events = _whole(part.get("events"), f"{here}: events", 0)
        tags = _tags(part.get("tags", _GENERIC), f"{here}: tags")
        batch = _whole(part.get("batch", 1), f"{here}: batch", 1)
        return cls(events, every, batch, numbers.setdefault(tags, len(numbers)))

    @property
    def virtual_workers(self) -> int:
        """The number of virtual workers."""
        return -(-self.events // self.batch)

    def needs(self, event: int) -> dict[StreamName, list[int]]:
        """Return the codes of each frame in an event."""
        return {stream: [event // self.batch] for stream, k in self.streams.items() if event % k == 0}

    def routes(self, stream: StreamName | None, first: int, stop: int) -> Routes:
        """Return the recipients of the stream's frames, or with None of whole events, in the events first..stop-1."""
        if stream is not None and stream not in self.streams:
            return NOWHERE
        k = 1 if stream is None else self.streams[stream]
        events = np.arange(-(-first // k) * k, stop, k)
        return Routes(events, np.arange(len(events) + 1), events // self.batch)

    def regular_streams(self) -> dict[StreamName, bool]:
        """Return the streams with frames for somebody, and whether in every event; of a part without order, none."""
        return {stream: k == 1 for stream, k in self.streams.items()}

    def frames_before(self, stream: StreamName, event: int) -> int:
        """Return how many frames of a stream come before an event: none of a stream that the part does not have."""
        return -(-event // self.streams[stream]) if stream in self.streams else 0

    def event_of(self, stream: StreamName, frame: int) -> int:
        """Return the event of a stream's n-th frame."""
        return frame * self.streams[stream]

    def events_of(self, worker: int) -> range:
        """Return the events of a virtual worker, ascending."""
        return range(worker * self.batch, min((worker + 1) * self.batch, self.events))

    def tags_of(self, worker: int) -> int:
        """Return the number of a virtual worker's tag set."""
        return self.tags

    def runs(self, tags: int) -> Iterator[Run]:
        """Yield the virtual workers that have the tag set of this number, ascending."""
        if tags == self.tags and self.events:
            yield Run(0, self.virtual_workers, 0, self.batch, self.events)

    def broadcasts(self, tags: int) -> Iterator[int]:
        """Yield the events with a frame for every worker that has the tags of this number, ascending."""
        return iter(())

    def without_parties(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges of events that have neither virtual workers nor broadcasts, ascending."""
        return iter(())

    def plain_stop(self, event: int) -> int:
        """Return the first event from this one on that has several parties or a broadcast; if none has, the end."""
        return self.events

    def virtual_workers_in(self, first: int, stop: int) -> list[tuple[int, int]]:
        """Return the virtual workers in the events first..stop-1, each with the first of its events there."""
        workers = range(first // self.batch, -(-stop // self.batch))
        return [(worker, max(first, worker * self.batch)) for worker in workers]

    def minimum_workers(self) -> dict[int, int]:
        """Return the largest number of virtual workers in one event, by the number of their tag set."""
        return {self.tags: min(self.events, 1)}

    def first_frame_for(self, tags: int) -> tuple[StreamName, int] | None:
        """Return stream and event of the first frame for workers with the tags of this number."""
        return (next(iter(self.streams)), 0) if tags == self.tags and self.events else None

    def to_json(self, tag_sets: tuple[Tags, ...]) -> dict[str, Any]:
        uniform = {"streams": dict(self.streams), "events": self.events, "batch": self.batch}
        return {"uniform": uniform | {"tags": sorted(tag_sets[self.tags])}}

    to_message = to_json


@dataclass(frozen=True, slots=True, eq=False)
class _DensePart:
    """A part given event by event, made by `_DensePart.of`; has the methods of the uniform part.

    ``streams``: the frames of each stream, int32.
    ``constraints`` int64 (V,): the label that each virtual worker has in the map's JSON.
    ``worker_tags`` int32 (V,): the number of each virtual worker's tag set.
    ``all_streams``: the parties of each event, int32; events without any are left out.
    ``shared`` int32: the events with several parties or a broadcast.
    ``worker_events[worker_offsets[w]:worker_offsets[w + 1]]`` int32: the events of virtual worker w.
    """

    events: int
    streams: dict[StreamName, Routes]
    constraints: Integers
    worker_tags: Integers
    all_streams: Routes
    shared: Integers
    worker_offsets: Integers
    worker_events: Integers

    @classmethod
    def of(
        cls, events: int, streams: dict[StreamName, Routes], constraints: npt.ArrayLike, worker_tags: npt.ArrayLike
    ) -> _DensePart:
        constraints, worker_tags = np.asarray(constraints, np.int64), np.asarray(worker_tags, np.int32)
        both = [np.empty(0, np.int64)]  # event and code side by side in one integer
        for column in streams.values():
            at = np.repeat(column.events, np.diff(column.offsets)).astype(np.int64)
            both.append((at << 32) + column.codes + 2**31)
        at, codes = np.divmod(np.unique(np.concatenate(both)), 2**32)
        codes -= 2**31
        found, starts = np.unique(at, return_index=True)
        all_streams = Routes.of(found, np.append(starts, len(at)), codes)
        shared = all_streams.events[(np.diff(all_streams.offsets) > 1) | (codes[starts] < 0)]
        at, codes = at[codes >= 0], codes[codes >= 0]
        by_worker = np.argsort(codes, kind="stable")
        worker_offsets = np.searchsorted(codes[by_worker], np.arange(len(constraints) + 1))
        worker_events = at[by_worker].astype(np.int32)
        return cls(events, streams, constraints, worker_tags, all_streams, shared, worker_offsets, worker_events)

    @classmethod
    def from_json(cls, name: str, part: dict[str, Any], numbers: dict[Tags, int]) -> _DensePart:
        lists = {stream: _list(cells, f"part {name!r}, stream {stream!r}") for stream, cells in part.items()}
        lengths = {stream: len(cells) for stream, cells in lists.items()}
        if len(set(lengths.values())) > 1:
            raise TriggerMapError(f"part {name!r}: its streams have different numbers of events: {lengths}")
        workers: dict[int, int] = {}
        worker_tags: list[int] = []
        known: dict[tuple[object, ...], int] = {}  # tags as they are written, of which a map repeats a few all over

        def tag_set(tags: Any) -> int:
            try:
                return known[type(tags), *tags]
            except (KeyError, TypeError):  # new, or no tags at all
                index = numbers.setdefault(_tags(tags, "tags"), len(numbers))
                return known.setdefault((type(tags), *tags), index)

        def code(entry: Any) -> int:
            tags, constraint = _virtual_worker(entry)
            index = tag_set(tags)
            if constraint is None:
                return -1 - index
            worker = workers.setdefault(constraint, len(workers))
            if worker == len(worker_tags):
                worker_tags.append(index)
            elif worker_tags[worker] != index:
                now, before = (_text(list(numbers)[number]) for number in (index, worker_tags[worker]))
                raise TriggerMapError(f"constraint {constraint} has tags {now}, but {before} before")
            return worker

        columns: dict[StreamName, tuple[list[int], list[int], list[int]]]
        columns = {StreamName(stream): ([], [0], []) for stream in lists}
        events = max(lengths.values(), default=0)
        for event, cells in enumerate(zip(*lists.values(), strict=True)):
            for cell, (stream, (at, offsets, codes)) in zip(cells, columns.items(), strict=True):
                if cell is None:
                    continue
                if not isinstance(cell, (list, tuple)):
                    _list(cell, _cell(name, stream, event))
                try:
                    codes.extend(dict.fromkeys(map(code, cell)))
                except TriggerMapError as error:
                    raise TriggerMapError(f"{_cell(name, stream, event)}: {error}") from None
                at.append(event)
                offsets.append(len(codes))
        return cls.of(
            events, {stream: Routes.of(*column) for stream, column in columns.items()}, list(workers), worker_tags
        )

    @classmethod
    def from_message(cls, name: str, part: dict[str, Any], tag_sets: int) -> _DensePart:
        here = f"part {name!r}"
        events = _whole(part.get("events"), f"{here}: events", 0)
        constraints = _array(part.get("constraints"), "<i8", f"{here}: constraints")
        tags = _array(part.get("tags"), "<i4", f"{here}: tags")
        if not (len(tags) == len(constraints) == len(np.unique(constraints)) and _within(tags, 0, tag_sets)):
            raise TriggerMapError(f"{here}: tags and constraints of its virtual workers do not fit")
        columns = {}
        for stream, arrays in _mapping(part.get("streams"), f"{here}: streams").items():
            where = f"{here}, stream {stream!r}"
            column = Routes(*(_array(array, "<i4", where) for array in _list(arrays, where, 3)))
            at, offsets, codes = column
            if not (
                _within(at, 0, events)
                and (np.diff(at) > 0).all()
                and len(offsets) == len(at) + 1
                and (offsets[0], offsets[-1]) == (0, len(codes))
                and (np.diff(offsets) >= 0).all()
                and _within(codes, -tag_sets, len(constraints))
            ):
                raise TriggerMapError(f"{where}: events, offsets and recipients of its frames do not fit")
            columns[StreamName(stream)] = column
        built = cls.of(events, columns, constraints, tags)
        used = np.diff(built.worker_offsets).all()
        if not used or (np.diff(built.worker_events[built.worker_offsets[:-1]]) < 0).any():
            raise TriggerMapError(f"{here}: virtual workers are not numbered in order of first use")
        return built

    @property
    def virtual_workers(self) -> int:
        return len(self.constraints)

    def needs(self, event: int) -> dict[StreamName, list[int]]:
        found = {stream: column.codes_at(event) for stream, column in self.streams.items()}
        return {stream: codes for stream, codes in found.items() if codes is not None}

    def routes(self, stream: StreamName | None, first: int, stop: int) -> Routes:
        column = self.all_streams if stream is None else self.streams.get(stream, NOWHERE)
        begin, end = bisect_left(column.events, first), bisect_left(column.events, stop)
        offsets = column.offsets[begin : end + 1]
        return Routes(column.events[begin:end], offsets - offsets[0], column.codes[offsets[0] : offsets[-1]])

    def regular_streams(self) -> dict[StreamName, bool]:
        """Return nothing: this is a part without order."""
        return {}

    def frames_before(self, stream: StreamName, event: int) -> int:
        return bisect_left(self.streams.get(stream, NOWHERE).events, event)

    def event_of(self, stream: StreamName, frame: int) -> int:
        return int(self.streams[stream].events[frame])

    def events_of(self, worker: int) -> Integers:
        return self.worker_events[self.worker_offsets[worker] : self.worker_offsets[worker + 1]]

    def tags_of(self, worker: int) -> int:
        return int(self.worker_tags[worker])

    def runs(self, tags: int) -> Iterator[Run]:
        for begin in range(0, len(self.worker_tags), _AT_ONCE):
            workers = begin + np.flatnonzero(self.worker_tags[begin : begin + _AT_ONCE] == tags)
            starts, stops = self.worker_offsets[workers], self.worker_offsets[workers + 1]
            firsts, lasts = self.worker_events[starts], self.worker_events[stops - 1]
            columns = (workers, workers + 1, firsts, stops - starts, lasts + 1)
            yield from map(Run._make, zip(*(column.tolist() for column in columns), strict=True))

    def broadcasts(self, tags: int) -> Iterator[int]:
        events, offsets, codes = self.all_streams
        found = np.flatnonzero(codes == -1 - tags)
        for begin in range(0, len(found), _AT_ONCE):
            rows = np.searchsorted(offsets, found[begin : begin + _AT_ONCE], "right") - 1
            yield from events[rows].tolist()

    def without_parties(self) -> Iterator[tuple[int, int]]:
        around = np.concatenate([[-1], self.all_streams.events, [self.events]])
        for i in np.flatnonzero(np.diff(around) > 1):
            yield int(around[i]) + 1, int(around[i + 1])

    def plain_stop(self, event: int) -> int:
        i = bisect_left(self.shared, event)
        return int(self.shared[i]) if i < len(self.shared) else self.events

    def virtual_workers_in(self, first: int, stop: int) -> list[tuple[int, int]]:
        events, offsets, codes = self.routes(None, first, stop)
        workers, at = np.unique(codes, return_index=True)
        rows = np.searchsorted(offsets, at[workers >= 0], "right") - 1
        return list(zip(workers[workers >= 0].tolist(), events[rows].tolist(), strict=True))

    def minimum_workers(self) -> dict[int, int]:
        _, offsets, codes = self.all_streams
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[codes >= 0]
        tags = self.worker_tags[codes[codes >= 0]]
        return {int(index): int(np.bincount(rows[tags == index]).max()) for index in np.unique(tags)}

    def first_frame_for(self, tags: int) -> tuple[StreamName, int] | None:
        found = []
        for stream, (events, offsets, codes) in self.streams.items():
            wanted = (codes == -1 - tags) | np.isin(codes, np.flatnonzero(self.worker_tags == tags))
            if wanted.any():
                found.append((stream, int(events[bisect_right(offsets, wanted.argmax()) - 1])))
        return min(found, key=lambda place: place[1], default=None)

    def to_json(self, tag_sets: tuple[Tags, ...]) -> dict[str, Any]:
        def entry(code: int) -> dict[str, Any]:
            if code < 0:
                return {"tags": sorted(tag_sets[-1 - code]), "constraint": None}
            return {"tags": sorted(tag_sets[self.worker_tags[code]]), "constraint": int(self.constraints[code])}

        lists: dict[str, list[list[dict[str, Any]] | None]] = {stream: [None] * self.events for stream in self.streams}
        for stream, (events, offsets, codes) in self.streams.items():
            for event, first, stop in zip(events, offsets, offsets[1:], strict=False):
                lists[stream][event] = [entry(code) for code in codes[first:stop].tolist()]
        return dict(lists)

    def to_message(self, tag_sets: tuple[Tags, ...]) -> dict[str, Any]:
        streams = {stream: [_bytes(array, "<i4") for array in column] for stream, column in self.streams.items()}
        tags, constraints = _bytes(self.worker_tags, "<i4"), _bytes(self.constraints, "<i8")
        return {"dense": {"events": self.events, "constraints": constraints, "tags": tags, "streams": streams}}


Part: TypeAlias = _UniformPart | _DensePart


class TriggerMap:
    """The trigger map of a scan.

    Events, virtual workers and the frames of each stream are numbered from 0 over the whole scan. Numbers out of range
    raise IndexError, unknown streams KeyError.

    Attributes:
        tag_sets: the tag sets that occur, as codes refer to them.
        parts: the parts by name, each once.
        sequence: the index into ``parts`` of each occurrence, int32 (occurrences,).
        streams: the names of all streams.
        total_events: the number of events.
        virtual_workers: the number of virtual workers.
    """

    def __init__(self, tag_sets: Iterable[Tags], parts: Mapping[str, Part], sequence: npt.ArrayLike) -> None:
        self.tag_sets = tuple(tag_sets)
        self.parts = dict(parts)
        self.sequence = np.asarray(sequence, np.int32)
        self.streams = tuple(dict.fromkeys(stream for part in parts.values() for stream in part.streams))
        self._parts = tuple(parts.values())
        if not self.streams:
            raise TriggerMapError("the trigger map has no stream")
        occurrences = np.bincount(self.sequence, minlength=len(parts)).tolist()
        if sum(part.events * count for part, count in zip(self._parts, occurrences, strict=True)) >= LIMIT:
            raise TriggerMapError(f"the trigger map has {LIMIT} events or more")
        self._first_events = self._sums(part.events for part in self._parts)
        self._first_workers = self._sums(part.virtual_workers for part in self._parts)
        self._first_frames = {
            stream: self._sums(part.frames_before(stream, part.events) for part in self._parts)
            for stream in self.streams
        }
        self.total_events = int(self._first_events[-1])
        self.virtual_workers = int(self._first_workers[-1])

    @classmethod
    def from_json(cls, document: object, *, wrap: bool = True) -> TriggerMap:
        """Return the map that a decoded JSON document describes.

        The document is ``{"parts": {name: part, ...}, "sequence": [name, ...]}`` or one part alone, or
        ``{"streams": [name, ...], "scan": {"nb_points": n, ...}}`` as Sardana's hooks post it. A part is either
        ``{stream: [cell, ...], ...}`` with a cell for each event: null (no frame) or the list of virtual workers
        ``{"tags": ["generic"], "constraint": null}`` that get the frame (none: it is discarded); or
        ``{"uniform": {"streams": [name, ...] or {name: every_k, ...}, "events": n, "batch": 1, "tags": ["generic"]}}``.
        Of the streams of a uniform part at least one has a frame in every event. Tags, constraint and batch may be left
        out. Parts that the sequence does not name are not read.

        Args:
            document: what ``json.loads`` returned.
            wrap: add an event before and one after all others, in which a frame of each stream, the header or end
                packet, is broadcast to every tag set that occurs; unless the map has them already, as `to_json` gives.

        Raises:
            TriggerMapError: the document is malformed.
        """
        parts, sequence = _parts_and_sequence(document)
        used = set(sequence)
        if wrap and START_AND_END in used:
            if START_AND_END in sequence[1:-1] or {sequence[0], sequence[-1]} != {START_AND_END}:
                raise TriggerMapError(f"part {START_AND_END!r} is the first and the last of a sequence, or not in it")
            wrap = False
        numbers: dict[Tags, int] = {}
        built = {name: _part(name, part, numbers) for name, part in parts.items() if name in used}
        indices = {name: index for index, name in enumerate(built)}
        order = [indices[name] for name in sequence]
        if wrap:
            order = [len(built), *order, len(built)]
            to_all = Routes.of([0], [0, len(numbers)], range(-1, -1 - len(numbers), -1))
            columns = {stream: to_all for part in built.values() for stream in part.streams}
            built[START_AND_END] = _DensePart.of(1, columns, [], [])
        return cls(numbers, built, order)

    @classmethod
    def from_message(cls, message: object) -> TriggerMap:
        """Return the map that `to_message` made the message of.

        Raises:
            TriggerMapError: the message is malformed.
        """
        fields = _mapping(message, "the message")
        listed = _list(fields.get("tags"), "the tag sets of the message")
        tag_sets = [_tags(tags, "the message: tags") for tags in listed]
        numbers = {tags: number for number, tags in enumerate(tag_sets)}
        if len(numbers) != len(tag_sets):
            raise TriggerMapError("the tag sets of the message are not different")
        parts = {
            name: _part(name, part, numbers)
            for name, part in _mapping(fields.get("parts"), "the parts of the message").items()
        }
        sequence = _array(fields.get("sequence"), "<i4", "the sequence of the message")
        if not np.array_equal(np.unique(sequence), np.arange(len(parts))):
            raise TriggerMapError(f"the sequence of the message does not consist of its {len(parts)} parts")
        return cls(numbers, parts, sequence)

    def to_json(self) -> dict[str, Any]:
        """Return the map as JSON for `from_json`, start and end event included."""
        names = list(self.parts)
        parts = {name: part.to_json(self.tag_sets) for name, part in self.parts.items()}
        return {"parts": parts, "sequence": [names[index] for index in self.sequence]}

    def to_message(self) -> dict[str, Any]:
        """Return the map as dicts, lists, strings, integers and bytes (little-endian arrays), for msgpack.

        `from_message` takes tuples for the lists too.
        """
        return {
            "tags": [sorted(tags) for tags in self.tag_sets],
            "parts": {name: part.to_message(self.tag_sets) for name, part in self.parts.items()},
            "sequence": _bytes(self.sequence, "<i4"),
        }

    @property
    def tags(self) -> frozenset[Tags]:
        """All tag sets that occur."""
        return frozenset(self.tag_sets)

    def needs(self, event: int) -> dict[StreamName, Recipients]:
        """Return what an event consists of: the streams that have a frame in it, with the frame's recipients."""
        occurrence, part, local = self._locate(event, self._first_events, "event")
        return {stream: self._recipients(occurrence, codes) for stream, codes in part.needs(local).items()}

    def recipients(self, event: int) -> Recipients:
        """Return the parties of an event over all its streams; an event without any is complete at once."""
        occurrence, part, local = self._locate(event, self._first_events, "event")
        return self._recipients(occurrence, dict.fromkeys(chain.from_iterable(part.needs(local).values())))

    def routes(self, first: int, stop: int, stream: StreamName | None = None) -> Routes:
        """Return the parties of the events first..stop-1, or the recipients of one stream's frames, as int64 arrays.

        Events without parties, or without a frame of the stream, are left out.
        """
        if not 0 <= first <= stop <= self.total_events:
            raise IndexError(f"events {first}..{stop - 1}: the trigger map has {self.total_events}")
        if stream is not None and stream not in self._first_frames:
            raise KeyError(stream)
        events, lengths, codes = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for part, before, workers in self._occurrences(first, stop):
            piece = part.routes(stream, max(first - before, 0), min(stop - before, part.events))
            events.append(piece.events.astype(np.int64) + before)
            lengths.append(np.diff(piece.offsets))
            codes.append(np.where(piece.codes < 0, piece.codes, piece.codes.astype(np.int64) + workers))
        offsets = np.append(0, np.cumsum(np.concatenate(lengths)))
        return Routes(np.concatenate(events), offsets, np.concatenate(codes))

    def stretches(self, first: int, last: int) -> Iterator[tuple[int, int, dict[StreamName, bool]]]:
        """Yield the parts of first..last, each with `regular_streams`."""
        for part, before, _ in self._occurrences(first, last + 1):
            yield max(first, before), min(last, before + part.events - 1), part.regular_streams()

    def events_of(self, virtual_worker: int) -> range | Integers:
        """Return the events of a virtual worker, ascending: a range or an int64 array."""
        occurrence, part, local = self._locate(virtual_worker, self._first_workers, "virtual worker")
        events, before = part.events_of(local), int(self._first_events[occurrence])
        if isinstance(events, range):
            return range(before + events.start, before + events.stop)
        return events.astype(np.int64) + before

    def first_use(self, virtual_worker: int) -> int:
        """Return the first event of a virtual worker; it never decreases from one virtual worker to the next."""
        occurrence, part, local = self._locate(virtual_worker, self._first_workers, "virtual worker")
        return int(self._first_events[occurrence]) + int(part.events_of(local)[0])

    def tags_of(self, virtual_worker: int) -> Tags:
        """Return the tags that a worker must have to serve a virtual worker."""
        _, part, local = self._locate(virtual_worker, self._first_workers, "virtual worker")
        return self.tag_sets[part.tags_of(local)]

    def runs(self, tags: Tags) -> Iterator[Run]:
        """Yield the virtual workers that have exactly this one of the map's tag sets, ascending."""
        index = self.tag_sets.index(tags)
        for part, events, workers in self._occurrences():
            for first, stop, event, batch, end in part.runs(index):
                yield Run(workers + first, workers + stop, events + event, batch, events + end)

    def broadcasts(self, tags: Tags) -> Iterator[int]:
        """Yield the events with a broadcast to this one of the map's tag sets, ascending."""
        index = self.tag_sets.index(tags)
        for part, events, _ in self._occurrences():
            for event in part.broadcasts(index):
                yield events + event

    def without_parties(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges (first, stop) of events without parties, ascending."""
        for part, events, _ in self._occurrences():
            for first, stop in part.without_parties():
                yield events + first, events + stop

    def plain_stop(self, event: int) -> int:
        """Return where the plain events from this one on stop: those with one virtual worker or nobody as party.

        That is the event itself if it has several parties or a broadcast, and at the latest the end of its part.
        """
        occurrence, part, local = self._locate(event, self._first_events, "event")
        return int(self._first_events[occurrence]) + part.plain_stop(local)

    def virtual_workers_in(self, first: int, stop: int) -> list[tuple[int, int]]:
        """Return the virtual workers in the events first..stop-1, each with the first of its events there."""
        found = []
        for part, events, workers in self._occurrences(first, stop):
            inside = part.virtual_workers_in(max(first - events, 0), min(stop - events, part.events))
            found += [(workers + worker, events + event) for worker, event in inside]
        return found

    @property
    def end_event(self) -> int | None:
        """The event of the end packets; None if the map was not wrapped."""
        wrapped = len(self.sequence) > 0 and list(self.parts)[self.sequence[-1]] == START_AND_END
        return self.total_events - 1 if wrapped else None

    def frames_before(self, stream: StreamName, event: int) -> int:
        """Return how many frames a stream has before an event; before ``total_events``: in the whole scan."""
        frames = self._first_frames[stream]
        if event == self.total_events:
            return int(frames[-1])
        occurrence, part, local = self._locate(event, self._first_events, "event")
        return int(frames[occurrence]) + part.frames_before(stream, local)

    def event_of(self, stream: StreamName, frame: int) -> int:
        """Return the event of a frame, counted from 0 within its stream."""
        occurrence, part, local = self._locate(frame, self._first_frames[stream], f"frame of stream {stream!r}:")
        return int(self._first_events[occurrence]) + part.event_of(stream, local)

    def minimum_workers(self) -> dict[Tags, int]:
        """Return for each tag set the largest number of virtual workers with exactly these tags in one event.

        Fewer real workers serve the map too: one of them then is several virtual workers of an event.
        """
        least = dict.fromkeys(self.tag_sets, 0)
        for part in self._parts:
            for index, count in part.minimum_workers().items():
                least[self.tag_sets[index]] = max(least[self.tag_sets[index]], count)
        return least

    def check(self, streams: Collection[StreamName], worker_tags: Iterable[Tags]) -> None:
        """Check that these streams and workers, each given by its tags, can serve the map.

        Raises:
            TriggerMapError: a frame is of a stream that is not there, or for tags that no worker has.
        """
        for name, part in self.parts.items():
            for stream in part.streams:
                if stream not in streams and part.frames_before(stream, part.events):
                    where = _cell(name, stream, part.event_of(stream, 0))
                    raise TriggerMapError(f"{where}: there is no such stream; the streams are: {_listed(streams)}")
        present = set(worker_tags)
        for index, tags in enumerate(self.tag_sets):
            if any(tags <= theirs for theirs in present):
                continue
            for name, part in self.parts.items():
                if place := part.first_frame_for(index):
                    there = f"the workers have: {_listed(map(_text, present))}" if present else "no worker is ready"
                    raise TriggerMapError(f"{_cell(name, *place)}: no worker has the tags {_text(tags)}; {there}")

    def _sums(self, counts: Iterable[int]) -> Integers:
        """Return how much of what each part has so many of comes before each occurrence, and lastly the total."""
        return np.append(0, np.cumsum(np.fromiter(counts, np.int64)[self.sequence]))

    def _occurrences(self, first: int = 0, stop: int = LIMIT) -> Iterator[tuple[Part, int, int]]:
        """Yield the parts with events in first..stop-1, and how many events and virtual workers come before each."""
        end = min(bisect_left(self._first_events, stop), len(self.sequence))
        for i in range(bisect_right(self._first_events, first) - 1, end):
            yield self._parts[self.sequence[i]], int(self._first_events[i]), int(self._first_workers[i])

    def _locate(self, number: int, firsts: Integers, what: str) -> tuple[int, Part, int]:
        """Return the occurrence that a scan-wide number belongs to, its part, and the number within it."""
        if not 0 <= number < firsts[-1]:
            raise IndexError(f"{what} {number}: the trigger map has {firsts[-1]}")
        occurrence = bisect_right(firsts, number) - 1
        return occurrence, self._parts[self.sequence[occurrence]], number - int(firsts[occurrence])

    def _recipients(self, occurrence: int, codes: Collection[int]) -> Recipients:
        before = int(self._first_workers[occurrence])
        return Recipients(
            tuple(before + code for code in codes if code >= 0),
            tuple(self.tag_sets[-1 - code] for code in codes if code < 0),
        )


def _parts_and_sequence(document: object) -> tuple[dict[str, Any], Sequence[str]]:
    fields = _mapping(document, "a trigger map")
    if isinstance(fields.get("parts"), dict):
        parts, sequence = _mapping(fields["parts"], "parts"), _list(fields.get("sequence"), "sequence")
        for name in sequence:
            if not isinstance(name, str) or name not in parts:
                raise TriggerMapError(f"the sequence has {reprlib.repr(name)}, but the parts are: {_listed(parts)}")
        return parts, sequence
    if isinstance(scan := fields.get("scan"), dict):
        points = _whole(scan.get("nb_points"), "scan: nb_points", 0)
        return {ONLY_PART: {"uniform": {"streams": fields.get("streams"), "events": points}}}, [ONLY_PART]
    return {ONLY_PART: fields}, [ONLY_PART]


def _part(name: str, part: object, numbers: dict[Tags, int]) -> Part:
    fields = _mapping(part, f"part {name!r}")
    match fields:
        case {"uniform": dict() as uniform} if len(fields) == 1:
            return _UniformPart.from_json(name, uniform, numbers)
        case {"dense": dict() as dense} if len(fields) == 1:
            return _DensePart.from_message(name, dense, len(numbers))
    return _DensePart.from_json(name, fields, numbers)


def _virtual_worker(entry: Any) -> tuple[Any, int | None]:
    """Return the tags, unchecked, and the constraint of a virtual worker."""
    if not isinstance(entry, dict) or not entry.keys() <= _VIRTUAL_WORKER:
        unknown = set(_mapping(entry, "a virtual worker")) - _VIRTUAL_WORKER
        raise TriggerMapError(f"a virtual worker has tags and constraint, no {reprlib.repr(min(unknown))}")
    constraint = entry.get("constraint")
    if constraint is not None:
        _whole(constraint, "constraint", 1 - LIMIT)
    return entry.get("tags", _GENERIC), constraint


def _tags(tags: object, what: str) -> Tags:
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise TriggerMapError(f"{what} must be a list of texts, not {reprlib.repr(tags)}")
    return frozenset(tags)


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise TriggerMapError(f"{what} must be an object with named fields, not {reprlib.repr(value)}")
    return value


def _list(value: object, what: str, length: int | None = None) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or length not in (None, len(value)):
        raise TriggerMapError(f"{what} must be a list{f' of {length}' if length else ''}, not {reprlib.repr(value)}")
    return value


def _whole(value: object, what: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < LIMIT:
        raise TriggerMapError(f"{what} must be a whole number from {least}, not {reprlib.repr(value)}")
    return value


def _array(value: object, dtype: str, what: str) -> Integers:
    if not isinstance(value, bytes) or len(value) % np.dtype(dtype).itemsize:
        raise TriggerMapError(f"{what} must be the bytes of a {dtype} array, not {reprlib.repr(value)}")
    return np.frombuffer(value, dtype)


def _bytes(array: Integers, dtype: str) -> bytes:
    return array.astype(dtype).tobytes()


def _within(array: Integers, least: int, limit: int) -> bool:
    return bool(((array >= least) & (array < limit)).all())


def _cell(part: str, stream: str, event: int) -> str:
    return f"event {event} of part {part!r}, stream {stream!r}"


def _text(tags: Tags) -> str:
    return f"[{', '.join(sorted(tags))}]"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
