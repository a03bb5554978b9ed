"""Random trigger maps as JSON, and the same maps written out event by event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

STREAMS = ["eiger", "pcap", "sardana"]
TAGS = [["generic"], ["gpu"], ["gpu", "fast"], []]


def entries(tags_by_constraint: dict[int, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    bound = st.sampled_from(sorted(tags_by_constraint)).map(lambda c: {"tags": tags_by_constraint[c], "constraint": c})
    broadcast = st.sampled_from(TAGS).map(lambda tags: {"tags": tags, "constraint": None})
    generic = st.just({})
    return st.one_of(bound, bound, broadcast, generic)


@st.composite
def dense_parts(draw: st.DrawFn, max_events: int = 6) -> dict[str, Any]:
    streams = draw(st.lists(st.sampled_from(STREAMS), min_size=1, unique=True))
    constraints = draw(st.lists(st.integers(-2, 9), min_size=1, max_size=5, unique=True))
    entry = entries({constraint: draw(st.sampled_from(TAGS)) for constraint in constraints})
    events = draw(st.integers(0, max_events))
    cells = st.lists(st.none() | st.lists(entry, max_size=3), min_size=events, max_size=events)
    return {stream: draw(cells) for stream in streams}


@st.composite
def uniform_parts(draw: st.DrawFn, max_events: int = 12) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(STREAMS), min_size=1, unique=True))
    every = [1, *draw(st.lists(st.integers(1, 5), min_size=len(names) - 1, max_size=len(names) - 1))]
    streams = dict(zip(names, draw(st.permutations(every)), strict=True))
    uniform: dict[str, Any] = {"streams": streams, "events": draw(st.integers(0, max_events))}
    if set(every) == {1} and draw(st.booleans()):
        uniform["streams"] = names
    optional = {"batch": st.integers(1, 5), "tags": st.sampled_from(TAGS)}
    return {"uniform": uniform | draw(st.fixed_dictionaries({}, optional=optional))}


def sardana_requests() -> st.SearchStrategy[dict[str, Any]]:
    streams = st.lists(st.sampled_from(STREAMS), min_size=1, unique=True)
    scan = st.fixed_dictionaries({"nb_points": st.integers(0, 12), "integ_time": st.just(0.1)})
    return st.fixed_dictionaries({"streams": streams, "scan": scan})


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    parts = draw(st.dictionaries(st.sampled_from("abc"), dense_parts() | uniform_parts(), min_size=1))
    return {"parts": parts, "sequence": draw(st.lists(st.sampled_from(sorted(parts)), min_size=1, max_size=5))}


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Return trigger maps in every form that is accepted, each with at least one stream."""
    return sequences() | dense_parts() | uniform_parts() | sardana_requests()


@dataclass
class Frame:
    virtual_workers: list[int] = field(default_factory=list)
    broadcasts: list[frozenset[str]] = field(default_factory=list)


@dataclass
class Expanded:
    """A trigger map event by event: the frames by stream of each event, and the tags of each virtual worker."""

    streams: set[str] = field(default_factory=set)
    events: list[dict[str, Frame]] = field(default_factory=list)
    worker_tags: list[frozenset[str]] = field(default_factory=list)
    tags: set[frozenset[str]] = field(default_factory=set)

    def append(self, part: dict[str, Any]) -> None:
        """Append one occurrence of a part that is given event by event."""
        numbers: dict[int, int] = {}
        for row in zip(*part.values(), strict=True):
            self.events.append({})
            for stream, cell in zip(part, row, strict=True):
                if cell is None:
                    continue
                frame = self.events[-1][stream] = Frame()
                for entry in cell:
                    tags = frozenset(entry.get("tags", ["generic"]))
                    constraint = entry.get("constraint")
                    self.tags.add(tags)
                    if constraint is None:
                        if tags not in frame.broadcasts:
                            frame.broadcasts.append(tags)
                        continue
                    if constraint not in numbers:
                        numbers[constraint] = len(self.worker_tags)
                        self.worker_tags.append(tags)
                    if numbers[constraint] not in frame.virtual_workers:
                        frame.virtual_workers.append(numbers[constraint])


def written_out(uniform: dict[str, Any]) -> dict[str, Any]:
    streams, tags, batch = uniform["streams"], uniform.get("tags", ["generic"]), uniform.get("batch", 1)
    every = streams if isinstance(streams, dict) else dict.fromkeys(streams, 1)
    return {
        stream: [
            None if event % k else [{"tags": tags, "constraint": event // batch}] for event in range(uniform["events"])
        ]
        for stream, k in every.items()
    }


def expand(document: dict[str, Any], *, wrap: bool) -> Expanded:
    """Return what a document of `documents` means, by the plainest way to say it."""
    if "scan" in document:
        document = {"uniform": {"streams": document["streams"], "events": document["scan"]["nb_points"]}}
    if "parts" not in document:
        document = {"parts": {"main": document}, "sequence": ["main"]}
    parts = {name: written_out(p["uniform"]) if "uniform" in p else p for name, p in document["parts"].items()}
    middle = Expanded()
    for name in document["sequence"]:
        middle.streams |= set(parts[name])
        middle.append(parts[name])
        if "uniform" in document["parts"][name]:
            middle.tags.add(frozenset(document["parts"][name]["uniform"].get("tags", ["generic"])))
    if wrap:

        def to_all() -> dict[str, Frame]:
            return {stream: Frame([], list(middle.tags)) for stream in middle.streams}

        middle.events = [to_all(), *middle.events, to_all()]
    return middle
