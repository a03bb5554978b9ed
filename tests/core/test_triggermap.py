"""Trigger maps mean what their JSON says, in every form, at any size, and after every round trip."""

from __future__ import annotations

import json
import pickle
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.triggermap_strategies import Expanded, documents, expand

from dranspose.triggermap import Recipients, Routes, TriggerMap, TriggerMapError

GENERIC = frozenset({"generic"})
GPU = frozenset({"gpu"})
NOBODY = Recipients((), ())


def bound(constraint: int, *tags: str) -> dict[str, Any]:
    return {"tags": list(tags or ("generic",)), "constraint": constraint}


def to_all(*tags: str) -> dict[str, Any]:
    return {"tags": list(tags or ("generic",)), "constraint": None}


def unwrapped(document: object) -> TriggerMap:
    return TriggerMap.from_json(document, wrap=False)


def by_event(trigger_map: TriggerMap, routes: Routes) -> dict[int, tuple[set[int], set[frozenset[str]]]]:
    assert len(routes.offsets) == len(routes.events) + 1
    assert routes.offsets[0] == 0
    assert routes.offsets[-1] == len(routes.codes)
    found = {}
    for i, event in enumerate(routes.events):
        codes = routes.codes[routes.offsets[i] : routes.offsets[i + 1]]
        found[int(event)] = ({int(c) for c in codes if c >= 0}, {trigger_map.tag_sets[-1 - c] for c in codes if c < 0})
    return found


def assert_means(trigger_map: TriggerMap, model: Expanded) -> None:
    """Compare every query with the map written out event by event."""
    total = len(model.events)
    assert trigger_map.total_events == total
    assert set(trigger_map.streams) == model.streams
    assert trigger_map.tags == model.tags
    assert trigger_map.virtual_workers == len(model.worker_tags)

    parties = []
    for event, frames in enumerate(model.events):
        needs = trigger_map.needs(event)
        assert {s: (sorted(f.virtual_workers), set(f.broadcasts)) for s, f in frames.items()} == {
            s: (sorted(r.virtual_workers), set(r.broadcasts)) for s, r in needs.items()
        }
        assert all(len(set(r.virtual_workers)) == len(r.virtual_workers) for r in needs.values())
        workers = {worker for frame in frames.values() for worker in frame.virtual_workers}
        broadcasts = {tags for frame in frames.values() for tags in frame.broadcasts}
        recipients = trigger_map.recipients(event)
        assert sorted(recipients.virtual_workers) == sorted(workers)
        assert set(recipients.broadcasts) == broadcasts
        assert len(recipients.broadcasts) == len(broadcasts)
        parties.append((workers, broadcasts))

    for worker, tags in enumerate(model.worker_tags):
        events = [event for event, (workers, _) in enumerate(parties) if worker in workers]
        assert list(trigger_map.events_of(worker)) == events
        assert trigger_map.first_use(worker) == events[0]
        assert trigger_map.tags_of(worker) == tags

    for first, stop in ((0, total), (total // 3, total - total // 3), (total, total)):
        expected = {event: parties[event] for event in range(first, stop) if parties[event] != (set(), set())}
        assert by_event(trigger_map, trigger_map.routes(first, stop)) == expected
        for stream in model.streams:
            rows = {e: model.events[e][stream] for e in range(first, stop) if stream in model.events[e]}
            expected = {e: (set(frame.virtual_workers), set(frame.broadcasts)) for e, frame in rows.items()}
            assert by_event(trigger_map, trigger_map.routes(first, stop, stream)) == expected

    for stream in model.streams:
        events = [event for event, frames in enumerate(model.events) if stream in frames]
        before = [sum(e < event for e in events) for event in range(total + 1)]
        assert [trigger_map.frames_before(stream, event) for event in range(total + 1)] == before
        assert [trigger_map.event_of(stream, frame) for frame in range(len(events))] == events
        with pytest.raises(IndexError, match=stream):
            trigger_map.event_of(stream, len(events))

    for tags in model.tags:
        mine = []
        for run in trigger_map.runs(tags):
            events = [list(trigger_map.events_of(worker)) for worker in range(run.first, run.stop)]
            between = list(range(run.event, run.end))
            assert run.scattered == (sorted(e for of_one in events for e in of_one) != between)
            assert (events[0][0], events[-1][-1]) == (run.event, run.end - 1)
            if not run.scattered:
                assert events == [between[i : i + run.batch] for i in range(0, len(between), run.batch)]
            mine += range(run.first, run.stop)
        assert mine == [worker for worker, theirs in enumerate(model.worker_tags) if theirs == tags]
        broadcasts = [event for event, (_, to_all) in enumerate(parties) if tags in to_all]
        assert list(trigger_map.broadcasts(tags)) == broadcasts

    nobodys = [event for first, stop in trigger_map.without_parties() for event in range(first, stop)]
    assert nobodys == [event for event in range(total) if parties[event] == (set(), set())]
    for event in range(total):
        plain = list(range(event, trigger_map.plain_stop(event)))
        assert all(len(workers) <= 1 and not broadcasts for workers, broadcasts in (parties[e] for e in plain))
        assert plain or parties[event][1] or len(parties[event][0]) > 1
    for first, stop in ((0, total), (total // 3, total - total // 3), (total, total)):
        found: dict[int, int] = {}
        for event in range(first, stop):
            found |= {worker: event for worker in parties[event][0] if worker not in found}
        assert dict(trigger_map.virtual_workers_in(first, stop)) == found

    least = {
        tags: max((sum(model.worker_tags[w] == tags for w in workers) for workers, _ in parties), default=0)
        for tags in model.tags
    }
    assert trigger_map.minimum_workers() == least


@given(documents(), st.booleans())
def test_every_query_answers_as_the_map_written_out(document: dict[str, Any], wrap: bool) -> None:
    trigger_map, model = TriggerMap.from_json(document, wrap=wrap), expand(document, wrap=wrap)
    assert_means(trigger_map, model)
    assert_means(TriggerMap.from_message(cbor2.loads(cbor2.dumps(trigger_map.to_message()))), model)
    assert_means(unwrapped(json.loads(json.dumps(trigger_map.to_json()))), model)


@given(documents(), st.booleans())
def test_end_event_is_the_last_of_a_wrapped_map(document: dict[str, Any], wrap: bool) -> None:
    trigger_map = TriggerMap.from_json(document, wrap=wrap)
    assert trigger_map.end_event == (trigger_map.total_events - 1 if wrap else None)
    assert TriggerMap.from_message(trigger_map.to_message()).end_event == trigger_map.end_event


@given(documents(), st.booleans())
def test_round_trips_are_exact(document: dict[str, Any], wrap: bool) -> None:
    trigger_map = TriggerMap.from_json(document, wrap=wrap)
    message = trigger_map.to_message()
    assert TriggerMap.from_message(message).to_message() == message
    assert unwrapped(trigger_map.to_json()).to_message() == message


class TestCells:
    def test_null_is_no_frame(self) -> None:
        trigger_map = unwrapped({"eiger": [[bound(0)], None], "pcap": [None, [bound(1)]]})
        assert trigger_map.needs(0) == {"eiger": Recipients((0,), ())}
        assert trigger_map.needs(1) == {"pcap": Recipients((1,), ())}

    def test_empty_list_is_a_frame_for_nobody(self) -> None:
        trigger_map = unwrapped({"eiger": [[bound(0)], [], [bound(1)]]})
        assert trigger_map.needs(1) == {"eiger": NOBODY}
        assert [trigger_map.event_of("eiger", frame) for frame in range(3)] == [0, 1, 2]

    def test_event_without_a_party(self) -> None:
        trigger_map = unwrapped({"eiger": [None, [], [bound(0)]], "pcap": [None, None, None]})
        assert trigger_map.needs(0) == {}
        assert [trigger_map.recipients(event) for event in range(3)] == [NOBODY, NOBODY, Recipients((0,), ())]
        assert trigger_map.routes(0, 3).events.tolist() == [2]

    def test_several_virtual_workers_get_one_frame(self) -> None:
        trigger_map = unwrapped({"eiger": [[bound(7), bound(3, "gpu"), to_all("gpu")]]})
        assert trigger_map.needs(0) == {"eiger": Recipients((0, 1), (GPU,))}
        assert trigger_map.tags_of(1) == GPU

    def test_a_virtual_worker_named_twice_gets_the_frame_once(self) -> None:
        trigger_map = unwrapped({"eiger": [[bound(7), bound(7), to_all(), {}]]})
        assert trigger_map.needs(0) == {"eiger": Recipients((0,), (GENERIC,))}

    def test_defaults_are_a_broadcast_to_generic_workers(self) -> None:
        assert unwrapped({"eiger": [[{}]]}).needs(0) == {"eiger": Recipients((), (GENERIC,))}

    def test_parties_are_those_of_all_streams_each_once(self) -> None:
        cells = {"eiger": [[bound(5), to_all()]], "pcap": [[bound(5), bound(6)]], "sardana": [[to_all()]]}
        assert unwrapped(cells).recipients(0) == Recipients((0, 1), (GENERIC,))

    def test_same_constraint_is_the_same_virtual_worker(self) -> None:
        trigger_map = unwrapped({"eiger": [[bound(i % 3)] for i in range(9)]})
        assert [trigger_map.events_of(worker).tolist() for worker in range(3)] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


class TestSequences:
    def test_constraints_are_scoped_to_one_occurrence(self) -> None:
        line = {"eiger": [[bound(3)], [bound(3)]]}
        trigger_map = unwrapped({"parts": {"line": line}, "sequence": ["line", "line"]})
        assert [list(trigger_map.events_of(worker)) for worker in range(2)] == [[0, 1], [2, 3]]

    def test_virtual_workers_are_numbered_in_order_of_first_use(self) -> None:
        trigger_map = unwrapped({"eiger": [None, [bound(1)], [bound(9)]], "pcap": [[bound(5)], [bound(9)], None]})
        assert trigger_map.needs(1) == {"eiger": Recipients((1,), ()), "pcap": Recipients((2,), ())}
        assert [trigger_map.first_use(worker) for worker in range(3)] == [0, 1, 1]

    def test_streams_missing_in_a_part_have_no_frame(self) -> None:
        parts = {"a": {"eiger": [[bound(0)]]}, "b": {"uniform": {"streams": ["pcap"], "events": 2}}}
        trigger_map = unwrapped({"parts": parts, "sequence": ["a", "b", "a"]})
        assert [sorted(trigger_map.needs(event)) for event in range(4)] == [["eiger"], ["pcap"], ["pcap"], ["eiger"]]
        assert [trigger_map.frames_before("eiger", event) for event in range(5)] == [0, 1, 1, 1, 2]
        assert trigger_map.event_of("eiger", 1) == 3

    def test_parts_that_the_sequence_does_not_name_are_left_out(self) -> None:
        parts = {"used": {"eiger": [[bound(0)]]}, "other": {"pcap": [[to_all("gpu")]]}}
        trigger_map = TriggerMap.from_json({"parts": parts, "sequence": ["used"]})
        assert trigger_map.streams == ("eiger",)
        assert trigger_map.tags == {GENERIC}

    def test_unknown_part(self) -> None:
        with pytest.raises(TriggerMapError, match=r"the sequence has 'lin', but the parts are: line"):
            unwrapped({"parts": {"line": {"eiger": []}}, "sequence": ["line", "lin"]})


class TestStartAndEnd:
    def test_every_stream_is_broadcast_to_every_tag_set(self) -> None:
        parts = {"a": {"eiger": [[bound(0, "gpu")]]}, "b": {"pcap": [None, [to_all()]]}}
        trigger_map = TriggerMap.from_json({"parts": parts, "sequence": ["a", "b"]})
        assert trigger_map.total_events == 5
        for event in (0, 4):
            needs = trigger_map.needs(event)
            assert sorted(needs) == ["eiger", "pcap"]
            assert all(set(frame.broadcasts) == {GPU, GENERIC} for frame in needs.values())
        assert trigger_map.events_of(0).tolist() == [1]

    def test_a_stored_map_is_not_wrapped_again(self) -> None:
        stored = TriggerMap.from_json({"eiger": [[bound(0)]]}).to_json()
        assert stored["sequence"] == ["reserved_start_end", "main", "reserved_start_end"]
        assert TriggerMap.from_json(stored).to_json() == stored

    @pytest.mark.parametrize("sequence", [["w", "m"], ["m", "w"], ["w", "w", "w"], ["w", "m", "w", "m", "w"]])
    def test_start_and_end_event_have_their_places(self, sequence: list[str]) -> None:
        parts = {"reserved_start_end": {"eiger": [[to_all()]]}, "m": {"eiger": [[bound(0)]]}}
        named = [{"w": "reserved_start_end"}.get(name, name) for name in sequence]
        with pytest.raises(TriggerMapError, match="first and the last of a sequence"):
            TriggerMap.from_json({"parts": parts, "sequence": named})


class TestUniform:
    def test_batches_share_a_virtual_worker(self) -> None:
        trigger_map = unwrapped({"uniform": {"streams": ["eiger"], "events": 7, "batch": 3}})
        assert [trigger_map.events_of(worker) for worker in range(3)] == [range(3), range(3, 6), range(6, 7)]

    def test_slow_stream_has_a_frame_in_every_kth_event(self) -> None:
        trigger_map = unwrapped({"uniform": {"streams": {"eiger": 1, "sardana": 4}, "events": 10}})
        assert [event for event in range(10) if "sardana" in trigger_map.needs(event)] == [0, 4, 8]
        assert [trigger_map.event_of("sardana", frame) for frame in range(3)] == [0, 4, 8]

    def test_tags(self) -> None:
        trigger_map = unwrapped({"uniform": {"streams": ["eiger"], "events": 2, "tags": ["gpu"]}})
        assert trigger_map.tags_of(1) == GPU

    def test_sardana_request(self) -> None:
        request = {"streams": ["eiger", "pcap"], "scan": {"nb_points": 4, "integ_time": -0.1, "macro": "ascanct"}}
        same = {"uniform": {"streams": ["eiger", "pcap"], "events": 4}}
        assert TriggerMap.from_json(request).to_message() == TriggerMap.from_json(same).to_message()

    def test_stored_in_its_uniform_form(self) -> None:
        uniform = {"streams": {"eiger": 1, "pcap": 10}, "events": 10**7, "batch": 100, "tags": ["generic"]}
        assert TriggerMap.from_json({"uniform": uniform}).to_json()["parts"]["main"] == {"uniform": uniform}


class TestSize:
    """What is held does not grow with the number of events."""

    @staticmethod
    def uniform(events: int) -> TriggerMap:
        return TriggerMap.from_json({"uniform": {"streams": {"xrd": 1, "pcap": 10}, "events": events, "batch": 10}})

    def test_ten_million_uniform_events(self) -> None:
        trigger_map = self.uniform(10_000_000)
        assert len(pickle.dumps(trigger_map)) < len(pickle.dumps(self.uniform(10))) + 64
        assert len(cbor2.dumps(trigger_map.to_message())) < 1000
        assert trigger_map.total_events == 10_000_002
        assert trigger_map.virtual_workers == 1_000_000
        assert trigger_map.events_of(999_999) == range(9_999_991, 10_000_001)
        assert trigger_map.event_of("pcap", 1_000_000) == 9_999_991
        assert trigger_map.needs(9_999_991) == {s: Recipients((999_999,), ()) for s in ("xrd", "pcap")}
        assert trigger_map.needs(10_000_000) == {"xrd": Recipients((999_999,), ())}

    def test_a_part_repeated_a_thousand_times_is_held_once(self) -> None:
        line = {stream: [[bound(i)] for i in range(980)] for stream in ("eiger", "pcap")}
        once, often = (TriggerMap.from_json({"parts": {"line": line}, "sequence": ["line"] * n}) for n in (1, 1000))
        assert often.total_events == 980_002
        assert often.virtual_workers == 980_000
        assert list(often.parts) == ["line", "reserved_start_end"]
        assert len(pickle.dumps(often)) < len(pickle.dumps(once)) + 1000 * 8 * 6
        assert often.events_of(979_999).tolist() == [980_000]
        assert often.event_of("pcap", 980_001) == 980_001
        assert often.needs(980 * 500 + 1)["eiger"] == Recipients((980 * 500,), ())
        assert often.routes(979, 982).codes.tolist() == [978, 979, 980]

    def test_a_dense_part_is_arrays(self) -> None:
        dense = [{"eiger": [[bound(i // 10)] for i in range(n)]} for n in (1000, 2000)]
        small, large = (pickle.dumps(unwrapped(part)) for part in dense)
        frame, party, virtual_worker_share = 12, 12, 4 + 2
        assert len(large) - len(small) < 1000 * (frame + party + virtual_worker_share) + 200

    def test_numbers_beyond_int64(self) -> None:
        uniform = {"uniform": {"streams": ["eiger"], "events": 2**61}}
        with pytest.raises(TriggerMapError, match="events or more"):
            unwrapped({"parts": {"a": uniform}, "sequence": ["a"] * 8})
        with pytest.raises(TriggerMapError, match="constraint"):
            unwrapped({"eiger": [[bound(2**70)]]})


class TestCheck:
    @pytest.fixture
    def trigger_map(self) -> TriggerMap:
        line = {"eiger": [[bound(0)]] * 2, "pcap": [None, [to_all("gpu")]]}
        return TriggerMap.from_json(
            {"parts": {"dark": {"eiger": [[bound(0)]]}, "line": line}, "sequence": ["dark", "line"]}
        )

    def test_served(self, trigger_map: TriggerMap) -> None:
        trigger_map.check({"eiger", "pcap", "sardana"}, [GENERIC | GPU])
        trigger_map.check({"eiger", "pcap"}, iter([GENERIC, GPU]))

    def test_unknown_stream(self, trigger_map: TriggerMap) -> None:
        with pytest.raises(TriggerMapError) as error:
            trigger_map.check({"eiger", "sardana"}, [GENERIC | GPU])
        where = "event 1 of part 'line', stream 'pcap'"
        assert str(error.value) == f"{where}: there is no such stream; the streams are: eiger, sardana"

    def test_tags_that_no_worker_has(self, trigger_map: TriggerMap) -> None:
        with pytest.raises(TriggerMapError) as error:
            trigger_map.check({"eiger", "pcap"}, [GENERIC, frozenset({"fast", "generic"})])
        where = "event 1 of part 'line', stream 'pcap'"
        there = "the workers have: [fast, generic], [generic]"
        assert str(error.value) == f"{where}: no worker has the tags [gpu]; {there}"

    def test_the_first_event_is_named(self) -> None:
        eiger = [[], [bound(0), bound(1)], [to_all("gpu")], None]
        pcap = [None, [], [bound(0), bound(1)], [bound(2, "fast")]]
        trigger_map = unwrapped({"eiger": eiger, "pcap": pcap, "sardana": [None, [{}, to_all("gpu")], None, None]})
        with pytest.raises(TriggerMapError, match=r"event 1 of part 'main', stream 'sardana': .* \[gpu\]"):
            trigger_map.check(trigger_map.streams, [GENERIC])
        with pytest.raises(TriggerMapError, match=r"event 3 of part 'main', stream 'pcap': .* \[fast\]"):
            trigger_map.check(trigger_map.streams, [GENERIC | GPU])

    def test_a_stream_without_a_frame_is_not_missed(self) -> None:
        document = {"eiger": [[bound(0)]], "pcap": [None]}
        unwrapped(document).check(["eiger"], [GENERIC])
        with pytest.raises(TriggerMapError, match=r"event 0 of part 'reserved_start_end', stream 'pcap'"):
            TriggerMap.from_json(document).check(["eiger"], [GENERIC])

    def test_tags_of_a_scan_without_points(self) -> None:
        document = {"uniform": {"streams": ["eiger"], "events": 0, "tags": ["gpu"]}}
        unwrapped(document).check(["eiger"], [GENERIC])
        with pytest.raises(TriggerMapError, match=r"event 0 of part 'reserved_start_end', stream 'eiger'"):
            TriggerMap.from_json(document).check(["eiger"], [GENERIC])

    def test_no_workers(self, trigger_map: TriggerMap) -> None:
        with pytest.raises(TriggerMapError, match=r"event 0 of part 'dark', stream 'eiger'.*no worker is ready"):
            trigger_map.check({"eiger", "pcap"}, [])

    def test_tags_of_a_uniform_part(self) -> None:
        trigger_map = TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": 10**7, "tags": ["gpu"]}})
        with pytest.raises(TriggerMapError, match=r"event 0 of part 'main', stream 'eiger': no worker .* \[gpu\]"):
            trigger_map.check(["eiger"], [GENERIC])

    def test_fewer_workers_than_virtual_workers_in_an_event(self) -> None:
        trigger_map = unwrapped({"eiger": [[bound(0), bound(1, "gpu")], [bound(2), bound(3), to_all("gpu")]]})
        trigger_map.check(["eiger"], [GENERIC | GPU])
        assert trigger_map.minimum_workers() == {GENERIC: 2, GPU: 1}

    def test_minimum_workers_is_that_of_the_greediest_part(self) -> None:
        parts = {"a": {"eiger": [[bound(0), bound(1)]]}, "b": {"eiger": [[bound(0)]]}}
        assert unwrapped({"parts": parts, "sequence": ["a", "b"]}).minimum_workers() == {GENERIC: 2}


MALFORMED = {
    "not an object": ([], "a trigger map must be an object"),
    "no stream": ({}, "the trigger map has no stream"),
    "no sequence": ({"parts": {}}, "sequence must be a list"),
    "not a list": ({"eiger": 3}, "part 'main', stream 'eiger' must be a list"),
    "lengths": ({"eiger": [None], "pcap": []}, "part 'main': its streams have different numbers of events: .*eiger.*1"),
    "cell": ({"eiger": [None, 5]}, "event 1 of part 'main', stream 'eiger' must be a list, not 5"),
    "entry": ({"eiger": [[5]]}, "event 0 of part 'main', stream 'eiger': a virtual worker must be an object"),
    "misspelt": ({"eiger": [[{"constrain": 1}]]}, "event 0 of part 'main', stream 'eiger': .* no 'constrain'"),
    "tags": ({"eiger": [[{"tags": "gpu"}]]}, "event 0 of part 'main', stream 'eiger': tags must be a list of texts"),
    "constraint": (
        {"eiger": [[{"constraint": 1.5}]]},
        "event 0 of part 'main', stream 'eiger': constraint must be a w",
    ),
    "bool": ({"eiger": [[{"constraint": True}]]}, "constraint must be a whole number"),
    "other tags": (
        {"eiger": [[bound(4)], None], "pcap": [None, [bound(4, "gpu")]]},
        r"event 1 of part 'main', stream 'pcap': constraint 4 has tags \[gpu\], but \[generic\] before",
    ),
    "uniform events": ({"uniform": {"streams": ["eiger"], "events": -1}}, "part 'main': events must be a whole number"),
    "uniform batch": (
        {"uniform": {"streams": ["eiger"], "events": 1, "batch": 0}},
        "batch must be a whole number from 1",
    ),
    "uniform field": ({"uniform": {"streams": ["eiger"], "events": 1, "bach": 2}}, "part 'main': .* no 'bach'"),
    "uniform every": (
        {"uniform": {"streams": {"eiger": 0}, "events": 1}},
        "part 'main', stream 'eiger': events per frame",
    ),
    "uniform twice": ({"uniform": {"streams": ["eiger", "eiger"], "events": 1}}, "different names"),
    "uniform gaps": ({"uniform": {"streams": {"eiger": 2}, "events": 4}}, "a frame in every event"),
    "sardana": ({"streams": ["eiger"], "scan": {"points": 3}}, "nb_points must be a whole number from 0, not None"),
}


@pytest.mark.parametrize(("document", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_json(document: object, sentence: str) -> None:
    with pytest.raises(TriggerMapError, match=sentence):
        TriggerMap.from_json(document)


def test_numbers_out_of_range() -> None:
    trigger_map = unwrapped({"eiger": [[bound(0)]]})
    for query in (trigger_map.needs, trigger_map.recipients, trigger_map.events_of, trigger_map.tags_of):
        for number in (-1, 1):
            with pytest.raises(IndexError):
                query(number)
    with pytest.raises(IndexError):
        trigger_map.routes(0, 2)
    with pytest.raises(KeyError):
        trigger_map.routes(0, 1, "pcap")


def dense_message(**changes: object) -> dict[str, Any]:
    """Return the message of two events, each for a virtual worker of its own, with some fields of its part changed."""
    message = unwrapped({"eiger": [[bound(0)], [bound(1)]]}).to_message()
    message["parts"]["main"]["dense"].update(changes)
    return message


def int32s(*numbers: int) -> bytes:
    return np.array(numbers, "<i4").tobytes()


@pytest.mark.parametrize(
    "message",
    [
        dense_message(streams={"eiger": [int32s(0, 2), int32s(0, 1, 2), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(1, 0), int32s(0, 1, 2), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 0), int32s(0, 1, 2), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 2), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 1, 1), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(1, 1, 2), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 3, 2), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(), int32s(0, 1)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 1, 3), int32s(0, 1, 2)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 1, 3), int32s(0, 1, -2)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 1, 2), int32s(1, 0)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 1, 2), int32s(0, 0)]}),
        dense_message(streams={"eiger": [int32s(0, 1), int32s(0, 1, 2)]}),
        dense_message(streams={"eiger": [b"abc", int32s(0, 1, 2), int32s(0, 1)]}),
        dense_message(streams=None),
        dense_message(tags=int32s(0, 1)),
        dense_message(tags=int32s(0)),
        dense_message(constraints=bytes(16)),
        dense_message(events=-1),
        dense_message() | {"sequence": int32s(1)},
        dense_message() | {"sequence": int32s()},
        dense_message() | {"tags": [["generic"], ["generic"]]},
        dense_message() | {"tags": None},
        dense_message() | {"parts": []},
        None,
    ],
)
def test_malformed_message(message: object) -> None:
    with pytest.raises(TriggerMapError):
        TriggerMap.from_message(message)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=16),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
)


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with something in it, at any depth, replaced or (in bytes) flipped."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(list(value)))
        return value | {key: draw(spoilt(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(spoilt(value[place])), *value[place + 1 :]]
    if isinstance(value, bytes) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return value[:place] + bytes([draw(st.integers(0, 255))]) + value[place + 1 :]
    return draw(anything)


@given(documents().flatmap(spoilt) | anything)
def test_hostile_json_is_refused_or_understood(document: object) -> None:
    try:
        trigger_map = TriggerMap.from_json(document)
    except TriggerMapError:
        return
    assert unwrapped(trigger_map.to_json()).to_message() == trigger_map.to_message()


@given(documents().map(lambda document: TriggerMap.from_json(document).to_message()).flatmap(spoilt) | anything)
def test_hostile_messages_are_refused_or_understood(message: object) -> None:
    try:
        trigger_map = TriggerMap.from_message(message)
    except TriggerMapError:
        return
    assert TriggerMap.from_message(trigger_map.to_message()).to_message() == trigger_map.to_message()
    for event in range(min(trigger_map.total_events, 20)):
        for stream in trigger_map.needs(event):
            assert trigger_map.event_of(stream, trigger_map.frames_before(stream, event)) == event
    for worker in range(min(trigger_map.virtual_workers, 20)):
        assert worker in trigger_map.recipients(trigger_map.first_use(worker)).virtual_workers
