"""The scheduler, stimulus by stimulus; and in a world in which everything that can go wrong does."""

from __future__ import annotations

from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.scheduler_invariants import held, validate
from tests.core.scheduler_world import World
from tests.core.triggermap_strategies import documents

from dranspose.protocol import StreamName
from dranspose.scheduler import Phase, Scheduler
from dranspose.scheduling import handout, story
from dranspose.scheduling.credit import Credit, CreditLimits
from dranspose.scheduling.instructions import (
    Bind,
    Broadcast,
    EndAt,
    Fence,
    FinishReducer,
    FinishWorkers,
    Hold,
    Instruction,
    Poison,
    Proceed,
    Release,
    ScanFailed,
    ScanOver,
    Solo,
    UseParameters,
    Window,
)
from dranspose.scheduling.stimuli import (
    Abort,
    ChangeParameters,
    Fenced,
    Finished,
    Held,
    IngesterLost,
    Missing,
    Outcome,
    Reduced,
    ReducerFinished,
    ReducerLost,
    Start,
    Started,
    Stimulus,
    Stop,
    WorkerFinished,
    WorkerJoined,
    WorkerLost,
)
from dranspose.triggermap import TriggerMap

GENERIC = frozenset({"generic"})
GPU = frozenset({"gpu"})
BOTH = GENERIC | GPU
EIGER, PCAP = StreamName("eiger"), StreamName("pcap")
NONE, RESULT, FAILED = Outcome.NONE, Outcome.RESULT, Outcome.FAILED
SLOW = 1.0  # s a call: the window stays at two events

Kind = TypeVar("Kind", bound=Instruction)


def uniform(events: int, batch: int = 1, **more: Any) -> dict[str, Any]:
    return {"uniform": {"streams": ["eiger"], "events": events, "batch": batch} | more}


def bound(constraint: int, *tags: str) -> dict[str, Any]:
    return {"tags": list(tags or ("generic",)), "constraint": constraint}


def to_all(*tags: str) -> dict[str, Any]:
    return {"tags": list(tags or ("generic",)), "constraint": None}


class Scan:
    """A scheduler whose books are looked at after every stimulus."""

    def __init__(self, document: dict[str, Any], *, wrap: bool = False, ingesters: tuple[str, ...] = ("a",)) -> None:
        trigger_map = TriggerMap.from_json(document, wrap=wrap)
        streams = list(trigger_map.streams)
        self.scheduler = Scheduler(
            trigger_map, {name: streams[i :: len(ingesters)] for i, name in enumerate(ingesters)}
        )

    def handle(self, *stimuli: Stimulus) -> list[Instruction]:
        """Return the instructions for the last of the stimuli."""
        for stimulus in stimuli:
            instructions = self.scheduler.handle(stimulus)
            validate(self.scheduler)
        return instructions

    def join(self, worker: str, tags: frozenset[str] = GENERIC, *, stateless: bool = True) -> list[Instruction]:
        return self.handle(WorkerJoined(worker, tags, stateless))

    def finish(self, worker: str, *events: int, outcome: Outcome = NONE, attempt: int = 0) -> list[Instruction]:
        """Let a worker finish events, each by itself."""
        return self.handle(Finished(worker, tuple((e, e) for e in events), outcome, SLOW, attempt))

    def lose(self, worker: str) -> list[Instruction]:
        """Let a worker be lost and fenced; return what the second leads to."""
        return self.handle(WorkerLost(worker), Fenced(worker))


def begun(document: dict[str, Any], *workers: str, wrap: bool = False, ingesters: tuple[str, ...] = ("a",)) -> Scan:
    """Return a scan with generic, stateless workers that has started."""
    scan = Scan(document, wrap=wrap, ingesters=ingesters)
    for worker in workers:
        scan.join(worker)
    scan.handle(Start())
    return scan


def only(kind: type[Kind], instructions: list[Instruction]) -> list[Kind]:
    return [instruction for instruction in instructions if isinstance(instruction, kind)]


class TestBindings:
    def test_nothing_is_bound_before_the_start(self) -> None:
        scan = Scan(uniform(3))
        assert scan.join("w") == [Window("w", 2)]
        assert scan.handle(Start()) == [Bind(0, 2, "w")]

    def test_workers_take_turns_as_long_as_they_have_the_same_room(self) -> None:
        scan = Scan(uniform(4))
        scan.handle(WorkerJoined("v", GENERIC), WorkerJoined("w", GENERIC))
        assert scan.handle(Start()) == [Bind(0, 0, "v"), Bind(1, 1, "w"), Bind(2, 2, "v"), Bind(3, 3, "w")]

    def test_virtual_workers_in_a_row_are_one_range(self) -> None:
        scan = begun(uniform(100), "w")
        assert scan.finish("w", 0, 1) == [Bind(4, 5, "w"), Release(((0, 1),))]

    def test_no_worker_is_bound_beyond_twice_its_window(self) -> None:
        scan = Scan(uniform(100))
        scan.join("w")
        assert scan.handle(Start()) == [Bind(0, 3, "w")]

    def test_a_virtual_worker_is_never_split(self) -> None:
        scan = Scan(uniform(100, batch=10))
        scan.join("w")
        assert scan.handle(Start()) == [Bind(0, 0, "w")]
        assert only(Bind, scan.handle(Finished("w", ((0, 5),), NONE, SLOW))) == []
        assert only(Bind, scan.finish("w", 6)) == [Bind(1, 1, "w")]

    def test_only_lower_events_take_room(self) -> None:
        column = [[bound(0)] if event != 2 else [bound(1)] for event in range(50)]
        scan = Scan({"eiger": column})
        scan.join("w")
        assert scan.handle(Start()) == [Bind(0, 1, "w")]

    def test_the_lowest_event_always_finds_room(self) -> None:
        column = [[bound(event % 10)] for event in range(100)]
        scan = begun({"eiger": column}, "w")
        for event in range(100):
            bind = only(Bind, scan.finish("w", event))
            assert all(b.last < 10 for b in bind)
        assert scan.scheduler.phase is Phase.FINISHING_WORKERS

    def test_a_worker_needs_all_the_tags(self) -> None:
        scan = Scan(uniform(2, tags=["gpu", "fast"]))
        scan.join("v", GPU)
        scan.join("w", frozenset({"gpu", "fast", "generic"}))
        assert scan.handle(Start()) == [Bind(0, 1, "w")]

    def test_what_nobody_can_serve_waits_and_holds_up_nobody(self) -> None:
        scan = Scan({"eiger": [[bound(0, "gpu")], [bound(1)], [bound(2, "gpu")], [bound(3)]]})
        scan.join("w")
        assert scan.handle(Start()) == [Bind(1, 1, "w"), Bind(3, 3, "w")]
        assert scan.scheduler.unserved() == {GPU}
        assert only(Bind, scan.join("g", GPU)) == [Bind(0, 0, "g"), Bind(2, 2, "g")]
        assert scan.scheduler.unserved() == frozenset()

    def test_a_busy_kind_of_worker_holds_up_no_other(self) -> None:
        column = [[bound(event, "gpu") if event < 10 else bound(event)] for event in range(20)]
        scan = Scan({"eiger": column})
        scan.join("g", GPU)
        scan.join("w")
        assert only(Bind, scan.handle(Start())) == [
            Bind(0, 0, "g"), Bind(10, 10, "w"), Bind(1, 1, "g"), Bind(11, 11, "w"),
            Bind(2, 2, "g"), Bind(12, 12, "w"), Bind(3, 3, "g"), Bind(13, 13, "w"),
        ]  # fmt: skip

    def test_a_worker_that_joins_gets_its_share(self) -> None:
        scan = begun(uniform(100), "v")
        assert scan.join("w") == [Window("w", 2), Bind(4, 7, "w")]

    def test_a_slow_worker_does_not_keep_a_fast_one_waiting(self) -> None:
        scan = begun(uniform(200), "slow", "fast")
        mine = [event for event in range(8) if event % 2]
        while scan.scheduler.report().completed < 150:
            assert mine
            instructions = scan.finish("fast", mine.pop(0))
            mine += [event for bind in only(Bind, instructions) for event in range(bind.first, bind.last + 1)]

    def test_what_was_handed_out_is_counted(self) -> None:
        scan = begun(uniform(100))
        assert scan.scheduler.report().assigned == 0
        scan.join("v")
        assert scan.scheduler.report().assigned == 4
        scan.join("w")
        assert scan.scheduler.report().assigned == 8
        scan.finish("w", 4, 5, 6, 7)
        assert scan.scheduler.report().assigned == 12
        for worker in "vw":
            scan.lose(worker)
        assert scan.scheduler.report().assigned == 0

    def test_the_same_history_gives_the_same_instructions(self) -> None:
        first, second = (begun(uniform(100), *"abcdefg") for _ in range(2))
        assert first.lose("c") == second.lose("c")


class TestWindows:
    def test_a_window_is_a_twentieth_of_a_second_of_work(self) -> None:
        scan = begun(uniform(1000), "w")
        windows = []
        for event in range(12):
            windows += only(Window, scan.handle(Finished("w", ((event, event),), NONE, 0.001)))
        assert windows == [Window("w", 4), Window("w", 8), Window("w", 16), Window("w", 32), Window("w", 50)]

    @pytest.mark.parametrize(("seconds", "window"), [(0.0, 1000), (1e-6, 1000), (100.0, 2)])
    def test_a_window_has_bounds(self, seconds: float, window: int) -> None:
        scan = begun(uniform(1000), "w")
        windows = [Window("w", 2)]
        for event in range(12):
            windows += only(Window, scan.handle(Finished("w", ((event, event),), NONE, seconds)))
        assert windows[-1] == Window("w", window)

    @pytest.mark.parametrize(("seconds", "window"), [(0.0, 40), (100.0, 10)])
    def test_the_bounds_may_be_others(self, seconds: float, window: int) -> None:
        credit = Credit(CreditLimits(10, 40))
        assert credit.window == 10
        for _ in range(12):
            credit.measured(seconds)
        assert credit.window == window

    @pytest.mark.parametrize("limits", [(0, 5), (3, 2)])
    def test_bounds_that_make_no_sense_are_refused(self, limits: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="credit limits have to be 1 or more, and in order, not"):
            CreditLimits(*limits)

    def test_a_slow_first_call_is_forgotten(self) -> None:
        scan = begun(uniform(1000), "w")
        scan.finish("w", 0)
        windows = []
        for event in range(1, 25):
            windows += only(Window, scan.handle(Finished("w", ((event, event),), NONE, 0.001)))
        assert windows[-1].events >= 40

    def test_small_changes_are_not_told(self) -> None:
        scan = begun(uniform(1000), "w")
        for event in range(12):
            scan.handle(Finished("w", ((event, event),), NONE, 0.001))
        assert only(Window, scan.handle(Finished("w", ((12, 12),), NONE, 0.0011))) == []


class TestCompletion:
    def test_an_event_is_complete_when_its_call_returned_none_or_raised(self) -> None:
        scan = begun(uniform(9), "w")
        assert Release(((0, 0),)) in scan.finish("w", 0)
        assert Release(((1, 1),)) in scan.finish("w", 1, outcome=FAILED)
        assert (scan.scheduler.report().completed, scan.scheduler.report().failed) == (2, 1)

    def test_with_a_result_it_is_complete_when_that_is_reduced(self) -> None:
        scan = begun(uniform(9), "w")
        assert only(Release, scan.finish("w", 0, 1, 2, outcome=RESULT)) == []
        assert scan.handle(Reduced("w", ((0, 1),))) == [Release(((0, 1),))]

    def test_the_reducer_may_be_faster_than_the_report(self) -> None:
        scan = begun(uniform(2), "w")
        assert scan.handle(Reduced("w", ((0, 1),))) == [Release(((0, 1),))]
        assert scan.finish("w", 0, 1, outcome=RESULT) == [FinishWorkers(("w",))]
        assert scan.scheduler.report().duplicates == 0

    def test_what_is_reported_together_is_released_together(self) -> None:
        scan = begun(uniform(9), "v", "w")
        together = [Finished("v", ((0, 0),), NONE, SLOW), Finished("w", ((1, 1),), FAILED, SLOW)]
        assert only(Release, scan.scheduler.handle(*together)) == [Release(((0, 1),))]
        assert scan.scheduler.story(1)[1:] == ["finished by w, attempt 0: failed", "released", "complete"]

    def test_what_comes_together_with_the_end_but_after_it_is_ignored(self) -> None:
        scan = begun(uniform(9), "w")
        instructions = scan.scheduler.handle(Abort(), Finished("w", ((0, 0),), NONE, SLOW))
        assert [type(instruction) for instruction in instructions] == [ScanOver]
        assert scan.scheduler.report().completed == 0

    def test_one_range_may_hold_events_of_all_kinds(self) -> None:
        scan = begun(uniform(3), "w", wrap=True)
        assert scan.handle(Finished("w", ((0, 3),), NONE, SLOW)) == [Broadcast(4, ("w",)), Release(((1, 3),))]

    def test_all_virtual_workers_of_an_event_must_be_done(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, "v", "w")
        assert scan.finish("v", 0) == []
        assert Release(((0, 0),)) in scan.finish("w", 0)

    def test_one_report_counts_for_all_that_a_worker_was_given_of_an_event(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, "w")
        assert Release(((0, 0),)) in scan.finish("w", 0)

    def test_events_without_parties_are_complete_from_the_start(self) -> None:
        scan = begun({"eiger": [None, [], [bound(0)], None]}, "w")
        assert scan.scheduler.report().completed == 2
        assert scan.finish("w", 2) == [FinishWorkers(("w",)), Release(((2, 2),))]
        assert scan.scheduler.report().completed == 4

    def test_a_map_without_any_party_is_over_at_once(self) -> None:
        scan = Scan({"eiger": [None, []]}, wrap=True)
        assert scan.handle(Start()) == [FinishReducer()]

    def test_repeated_reports_are_ignored_and_counted(self) -> None:
        scan = begun(uniform(9), "w")
        scan.finish("w", 0)
        scan.finish("w", 1, outcome=RESULT)
        scan.handle(Reduced("w", ((1, 1),)))
        before = scan.scheduler.report()
        assert scan.finish("w", 0) == []
        assert scan.finish("w", 1, outcome=RESULT) == []
        assert scan.handle(Reduced("w", ((1, 1),))) == []
        assert scan.scheduler.report().duplicates == before.duplicates + 3

    def test_reports_on_what_was_never_given_are_ignored(self) -> None:
        scan = begun(uniform(9), "w")
        assert scan.finish("w", 8) == []
        assert scan.finish("w", 0, attempt=7) == []
        assert scan.handle(Reduced("w", ((8, 8),))) == []
        assert scan.scheduler.report().completed == 0

    def test_reports_of_unknown_workers_are_ignored_and_counted(self) -> None:
        scan = begun(uniform(9), "w")
        for stimulus in (Finished("x", ((0, 0),), NONE, SLOW), Reduced("x", ((0, 0),)), Started("x", 0, 0)):
            assert scan.handle(stimulus) == []
        assert scan.scheduler.report().unknown_reports == 3


class TestBroadcasts:
    def test_the_header_goes_to_all_before_anything_else(self) -> None:
        scan = Scan(uniform(2), wrap=True)
        scan.join("v")
        scan.join("w")
        assert scan.handle(Start()) == [Broadcast(0, ("v", "w")), Bind(0, 0, "w"), Bind(1, 1, "v")]

    def test_a_broadcast_is_handed_out_when_its_turn_comes(self) -> None:
        column = [[to_all()] if event == 6 else [bound(event)] for event in range(9)]
        scan = begun({"eiger": column}, "w")
        assert scan.finish("w", 0)[0] == Bind(4, 4, "w")
        assert scan.finish("w", 1)[0] == Bind(5, 5, "w")
        assert scan.finish("w", 2)[0] == Broadcast(6, ("w",))
        assert scan.finish("w", 3)[0] == Bind(6, 6, "w")

    def test_it_goes_to_workers_with_the_tags_only_and_once_to_each(self) -> None:
        scan = Scan({"eiger": [[to_all(), to_all("gpu")]]})
        for worker, tags in (("v", GENERIC), ("w", GPU), ("x", BOTH), ("y", frozenset({"fast"}))):
            scan.join(worker, tags)
        assert scan.handle(Start()) == [Broadcast(0, ("v", "w", "x"))]

    def test_it_reaches_all_even_if_one_worker_could_be_done_with_it_for_all_tags(self) -> None:
        column = [[bound(event)] for event in range(6)] + [[to_all(), to_all("gpu")]]
        scan = begun({"eiger": column}, "v")
        assert only(Broadcast, scan.join("x", BOTH | {"fast"})) == [Broadcast(6, ("v", "x"))]
        scan.finish("x", 6)
        assert scan.scheduler.report().completed == 0

    def test_the_event_is_complete_when_all_are_done(self) -> None:
        scan = begun(uniform(9), "v", "w", wrap=True)
        scan.finish("v", 0)
        assert scan.scheduler.report().completed == 0
        scan.finish("w", 0)
        assert scan.scheduler.report().completed == 1

    def test_its_frames_are_never_released(self) -> None:
        scan = begun(uniform(9), "v", wrap=True)
        assert only(Release, scan.finish("v", 0, 1)) == [Release(((1, 1),))]

    def test_only_so_many_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(handout, "KEPT_BROADCASTS", 2)
        scan = begun({"eiger": [[to_all()] for _ in range(4)] + [[bound(0)]]}, "v")
        assert only(Release, scan.finish("v", 0, 1, 2)) == [Release(((2, 2),))]
        assert only(Broadcast, scan.join("w")) == [Broadcast(0, ("w",)), Broadcast(1, ("w",)), Broadcast(3, ("w",))]

    def test_a_late_worker_gets_it_first(self) -> None:
        scan = begun(uniform(9), "v", wrap=True)
        scan.finish("v", 0)
        assert scan.join("w") == [Window("w", 2), Broadcast(0, ("w",)), Bind(4, 6, "w")]

    def test_a_late_copy_opens_no_event_again_but_is_waited_for(self) -> None:
        scan = begun({"eiger": [[to_all()], [bound(0)]]}, "v")
        scan.finish("v", 0)
        scan.join("w")
        assert scan.scheduler.report().completed == 1
        assert scan.finish("v", 1) == [Release(((1, 1),))]
        assert scan.finish("w", 0, outcome=RESULT) == []
        assert scan.handle(Reduced("w", ((0, 0),))) == [FinishWorkers(("v", "w"))]

    def test_a_late_copy_of_a_lost_worker_is_forgotten(self) -> None:
        scan = begun({"eiger": [[to_all()], [bound(0)]]}, "v")
        scan.finish("v", 0)
        scan.join("w")
        scan.lose("w")
        assert FinishWorkers(("v",)) in scan.finish("v", 1)

    def test_without_anyone_who_has_the_tags_it_waits_and_holds_up_nobody(self) -> None:
        scan = begun({"eiger": [[to_all("gpu")], [bound(0)]]}, "w")
        assert Release(((1, 1),)) in scan.finish("w", 1)
        assert scan.scheduler.unserved() == {GPU}
        assert only(Broadcast, scan.join("g", GPU)) == [Broadcast(0, ("g",))]
        assert FinishWorkers(("w", "g")) in scan.finish("g", 0)

    def test_the_part_of_a_lost_worker_is_dropped(self) -> None:
        scan = begun(uniform(9), "v", "w", wrap=True)
        scan.finish("v", 0)
        scan.lose("w")
        assert scan.scheduler.report().completed == 1

    def test_if_that_was_the_only_one_it_waits_for_the_next(self) -> None:
        scan = begun({"eiger": [[to_all()]]}, "v")
        scan.lose("v")
        assert scan.scheduler.report().completed == 0
        assert scan.scheduler.unserved() == {GENERIC}
        scan.join("w")
        scan.finish("w", 0)
        assert scan.scheduler.report().completed == 1

    def test_the_end_packets_wait_for_all_other_events(self) -> None:
        scan = begun(uniform(2), "v", "w", wrap=True)
        scan.finish("v", 0, 2)
        scan.finish("w", 0)
        scan.finish("w", 1, outcome=RESULT)
        assert scan.handle(Reduced("w", ((1, 1),)))[0] == Broadcast(3, ("v", "w"))

    def test_the_end_packets_go_to_a_worker_that_joins_before_all_is_over(self) -> None:
        scan = begun(uniform(1), "v", wrap=True)
        scan.finish("v", 0, 1)
        assert only(Broadcast, scan.join("w")) == [Broadcast(0, ("w",)), Broadcast(2, ("w",))]
        scan.finish("v", 2)
        scan.finish("w", 0)
        assert FinishWorkers(("v", "w")) in scan.finish("w", 2)

    def test_a_worker_that_joins_when_all_is_complete_gets_nothing(self) -> None:
        scan = begun(uniform(1), "v", wrap=True)
        scan.finish("v", 0, 1)
        scan.finish("v", 2, outcome=RESULT)
        scan.join("w")
        scan.finish("w", 0)
        scan.finish("w", 2)
        scan.lose("w")
        scan.handle(Reduced("v", ((2, 2),)))
        assert scan.scheduler.phase is Phase.FINISHING_WORKERS
        assert scan.join("x") == []

    def test_the_end_packets_wait_for_no_worker_that_is_not_there(self) -> None:
        scan = Scan({"eiger": [[bound(0, "gpu")], [bound(1)]]}, wrap=True)
        scan.join("g", GPU)
        scan.join("w")
        scan.handle(Start())
        scan.finish("g", 0, 1)
        scan.finish("w", 0)
        scan.lose("g")
        assert Broadcast(3, ("w",)) in scan.finish("w", 2)
        assert FinishWorkers(("w",)) in scan.finish("w", 3)

    def test_a_lost_worker_is_not_waited_for_at_the_end(self) -> None:
        scan = begun(uniform(1), "v", "w", wrap=True)
        scan.finish("v", 0)
        scan.finish("w", 0, 1)
        scan.finish("w", 2)
        assert FinishWorkers(("w",)) in scan.lose("v")


class TestLostWorkers:
    def test_nothing_is_bound_again_before_the_reducer_has_fenced_the_worker_off(self) -> None:
        scan = begun(uniform(8), "v", "w")
        assert scan.handle(WorkerLost("v")) == [Fence("v")]
        assert Bind(0, 0, "w", 1, ((0, 0),)) in scan.handle(Fenced("v"))

    def test_what_it_may_have_had_in_hand_is_suspect(self) -> None:
        scan = begun(uniform(4), "v")
        scan.join("w")
        instructions = scan.lose("v")
        assert only(Bind, instructions) == [Bind(0, 3, "w", 1, ((0, 1),))]
        assert only(Solo, instructions) == [Solo(0, "w", 1)]

    def test_suspects_are_sent_one_at_a_time(self) -> None:
        scan = begun(uniform(4), "v", "w")
        assert only(Solo, scan.lose("v")) == [Solo(0, "w", 1)]
        assert scan.handle(Started("w", 0, 1)) == [Proceed(0, "w", 1)]
        assert scan.handle(Started("w", 0, 1)) == []
        assert only(Solo, scan.finish("w", 0, attempt=1)) == [Solo(2, "w", 2)]

    def test_what_a_worker_tells_of_a_solo_event_is_noted_before_it_goes_on(self) -> None:
        scan = begun(uniform(1), "v")
        scan.join("w")
        scan.lose("v")
        scan.handle(Started("w", 0, 1))
        finished = Finished("w", ((0, 0),), NONE, SLOW, 1, solo=True)
        assert scan.handle(finished)[0] == Proceed(0, "w", 1)
        assert scan.handle(Started("w", 0, 1)) == [Proceed(0, "w", 1)]
        assert scan.handle(finished) == [Proceed(0, "w", 1)]

    def test_also_if_it_was_left_out_meanwhile(self) -> None:
        scan = begun({"eiger": [[bound(0), bound(1, "gpu")]], "pcap": [[bound(2, "gpu")]]}, "v")
        scan.join("g", GPU)
        scan.join("w")
        assert Solo(0, "w", 1) in scan.lose("v")
        scan.lose("g")
        scan.handle(Stop(), Held("a", 1, 1))
        assert scan.scheduler.report().skipped == 1
        assert scan.handle(Started("w", 0, 1)) == [Proceed(0, "w", 1)]
        assert scan.handle(Finished("w", ((0, 0),), NONE, SLOW, 1, solo=True)) == [Proceed(0, "w", 1)]

    def test_a_lower_suspect_does_not_wait_for_a_higher_one(self) -> None:
        scan = begun(uniform(2), "v", "w")
        scan.join("x")
        assert only(Solo, scan.lose("w")) == [Solo(1, "x", 1)]
        assert only(Solo, scan.lose("v")) == [Solo(0, "x", 2)]

    def test_what_is_done_is_not_done_again(self) -> None:
        column = [[bound(0)] for _ in range(10)]
        scan = begun({"eiger": column}, "v")
        scan.finish("v", 0, 1, 4)
        scan.lose("v")
        assert only(Bind, scan.join("w")) == [Bind(0, 0, "w", 1, ((0, 4),))]
        assert scan.scheduler.report().redispatched == 7

    def test_what_is_to_be_skipped_is_told_in_long_ranges(self) -> None:
        column = [[bound(event % 2)] for event in range(40)]
        scan = begun({"eiger": column}, "v", "w")
        scan.finish("v", *range(0, 20, 2))
        scan.finish("w", *range(1, 20, 2))
        assert only(Bind, scan.lose("v")) == [Bind(0, 0, "w", 1, ((0, 22),))]

    def test_a_result_that_was_reduced_in_time_counts(self) -> None:
        scan = begun(uniform(4), "v", "w")
        scan.finish("v", 0, outcome=RESULT)
        scan.handle(WorkerLost("v"))
        assert Release(((0, 0),)) in scan.handle(Reduced("v", ((0, 0),)))
        assert [bind.first for bind in only(Bind, scan.handle(Fenced("v")))] == [2]

    def test_a_result_that_was_not_reduced_is_made_again_and_is_no_suspect(self) -> None:
        scan = begun(uniform(4), "v", "w")
        scan.finish("v", 0, outcome=RESULT)
        assert only(Bind, scan.lose("v"))[0] == Bind(0, 0, "w", 1)
        assert scan.handle(Reduced("v", ((0, 0),))) == []
        assert scan.scheduler.report().unknown_reports == 1

    def test_its_late_reports_are_ignored(self) -> None:
        scan = begun(uniform(4), "v", "w")
        scan.handle(WorkerLost("v"))
        assert scan.finish("v", 0) == []
        assert scan.scheduler.report().unknown_reports == 1

    def test_it_is_lost_only_once_and_never_comes_back(self) -> None:
        scan = begun(uniform(4), "v", "w")
        scan.lose("v")
        assert scan.lose("v") == []
        assert scan.join("v") == []
        assert scan.scheduler.report().lost_workers == ("v",)

    def test_without_any_worker_all_waits_for_the_next(self) -> None:
        scan = begun(uniform(3), "v")
        assert scan.lose("v") == []
        assert scan.scheduler.unserved() == {GENERIC}
        assert scan.join("w")[0] == Window("w", 2)
        for event, attempt in ((0, 1), (1, 1), (2, 1)):
            scan.finish("w", event, attempt=attempt)
        assert scan.scheduler.phase is Phase.FINISHING_WORKERS

    def test_another_part_of_an_event_is_another_attempt(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, "v", "w")
        scan.finish("w", 0, outcome=RESULT)
        assert only(Solo, scan.lose("v")) == [Solo(0, "w", 1)]
        scan.handle(Reduced("w", ((0, 0),)))
        assert scan.scheduler.report().completed == 0
        assert Release(((0, 0),)) in scan.finish("w", 0, attempt=1)

    def test_what_is_done_for_one_virtual_worker_of_an_event_may_be_undone_for_the_next(self) -> None:
        scan = begun({"eiger": [[bound(0), bound(1)], [bound(0)]]}, "v", "w")
        scan.finish("v", 0)
        scan.lose("w")
        scan.lose("v")
        assert only(Bind, scan.join("x")) == [Bind(0, 0, "x", 2, ((0, 1),)), Bind(1, 1, "x", 3, ((0, 0),))]

    def test_virtual_workers_of_one_event_may_go_to_different_workers(self) -> None:
        scan = Scan({"eiger": [[bound(0, "gpu")]], "pcap": [[bound(1)]]})
        scan.join("v", BOTH)
        scan.handle(Start())
        scan.join("g", GPU)
        scan.join("w")
        assert only(Solo, scan.lose("v")) == [Solo(0, "g", 1), Solo(0, "w", 2)]
        scan.finish("g", 0, attempt=1)
        assert scan.finish("w", 0, attempt=2) == [FinishWorkers(("g", "w")), Release(((0, 0),))]

    def test_what_could_not_be_forwarded_is_no_suspect(self) -> None:
        scan = Scan({"eiger": [[bound(0)], [bound(1)]], "pcap": [[bound(2, "gpu")], None]})
        scan.join("v")
        scan.handle(Start())
        scan.join("w")
        assert only(Bind, scan.lose("v")) == [Bind(0, 0, "w", 1), Bind(2, 2, "w", 2, ((1, 1),))]

    def test_there_are_as_many_suspects_as_the_largest_window(self) -> None:
        scan = begun(uniform(1000), "v")
        for event in range(8):
            scan.handle(Finished("v", ((event, event),), NONE, 0.001))
        for event in range(8, 20):
            scan.handle(Finished("v", ((event, event),), NONE, SLOW))
        scan.join("w")
        scan.lose("v")
        assert scan.scheduler._handout.suspects.size == 50

    def test_a_worker_lost_while_finishing_is_not_waited_for(self) -> None:
        scan = begun(uniform(1), "v", "w")
        scan.finish("v", 0)
        assert scan.handle(WorkerFinished("v")) == []
        assert scan.handle(WorkerLost("w")) == [FinishReducer()]


class TestPoison:
    def test_an_event_that_kills_its_second_worker_is_set_aside(self) -> None:
        scan = begun(uniform(2), "v")
        scan.join("w")
        scan.lose("v")
        scan.handle(Started("w", 0, 1))
        assert scan.lose("w") == [Poison(0), Release(((0, 0),))]
        assert scan.scheduler.report().poisoned == ((0, 0),)
        assert only(Bind, scan.join("x")) == [Bind(1, 1, "x", 2, ((1, 1),))]
        assert scan.finish("x", 1, attempt=2)[0] == FinishWorkers(("x",))

    def test_a_worker_lost_before_it_started_makes_it_suspect_again(self) -> None:
        scan = begun(uniform(1), "v", "w", "x")
        scan.lose("v")
        assert only(Solo, scan.lose("w")) == [Solo(0, "x", 2)]
        assert scan.scheduler.report().poisoned == ()

    def test_an_event_that_kills_workers_as_it_arrives_is_set_aside(self) -> None:
        scan = begun(uniform(1), "v", "w", "x", "y")
        assert only(Solo, scan.lose("v")) == [Solo(0, "w", 1)]
        assert only(Solo, scan.lose("w")) == [Solo(0, "x", 2)]
        assert only(Poison, scan.lose("x")) == [Poison(0)]
        assert scan.scheduler.report().poisoned == ((0, 0),)

    def test_an_event_that_waits_behind_a_deadly_one_is_not_held_to_blame(self) -> None:
        scan = begun(uniform(2), "v", "w")
        scan.join("x")
        scan.lose("w")
        scan.lose("v")
        scan.handle(Started("x", 0, 2))
        assert only(Poison, scan.lose("x")) == [Poison(0)]
        for worker, poisoned in (("y", []), ("z", [Poison(1)])):
            assert only(Solo, scan.join(worker))[0].event == 1
            assert only(Poison, scan.lose(worker)) == poisoned

    def test_a_worker_lost_after_it_finished_makes_it_no_suspect(self) -> None:
        scan = begun(uniform(1), "v", "w", "x")
        scan.lose("v")
        scan.handle(Started("w", 0, 1))
        scan.finish("w", 0, outcome=RESULT, attempt=1)
        assert scan.lose("w") == [Bind(0, 0, "x", 2)]

    def test_an_event_with_a_reduced_result_is_not_poisoned(self) -> None:
        scan = begun(uniform(1), "v", "w", "x")
        scan.lose("v")
        scan.handle(Started("w", 0, 1))
        scan.handle(WorkerLost("w"), Reduced("w", ((0, 0),), 1))
        assert only(Poison, scan.handle(Fenced("w"))) == []
        assert scan.scheduler.report().completed == 1

    def test_withheld_suspects_stay_suspect(self) -> None:
        scan = begun(uniform(2), "v")
        scan.join("w")
        scan.lose("v")
        scan.join("x")
        assert only(Bind, scan.lose("w")) == [Bind(0, 1, "x", 2, ((0, 1),))]

    def test_the_other_parties_of_a_poisoned_event_go_on(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, "v", "w", "x")
        scan.lose("v")
        solo = scan.scheduler._handout.workers["x"].solos
        assert list(solo) == [(0, 1)]
        scan.handle(Started("x", 0, 1))
        assert scan.lose("x") == [Poison(0)]
        assert scan.finish("w", 0) == [FinishWorkers(("w",)), Release(((0, 0),))]

    def test_one_part_of_an_event_clears_the_others_of_no_suspicion(self) -> None:
        scan = begun({"eiger": [[bound(0), to_all()]]}, "v")
        scan.join("w")
        scan.handle(WorkerLost("v"))
        assert scan.finish("w", 0) == []
        assert scan.handle(Fenced("v")) == [Bind(0, 0, "w", 1, ((0, 0),)), Solo(0, "w", 1)]

    def test_what_was_left_out_is_not(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1, "gpu")]]}, "v", ingesters=("a", "b"))
        scan.join("w")
        scan.join("g", GPU)
        scan.lose("v")
        scan.handle(Started("w", 0, 1), WorkerLost("w"))
        scan.lose("g")
        scan.handle(Stop(), Held("a", 1, 1))
        assert Release(((0, 0),)) in scan.handle(Held("b", 1, 0))
        assert scan.handle(Fenced("w")) == [FinishReducer()]

    def test_a_header_that_kills_every_worker_is_set_aside(self) -> None:
        scan = begun(uniform(2), "v", wrap=True)
        scan.lose("v")
        assert only(Solo, scan.join("w")) == [Solo(0, "w", 0)]
        scan.handle(Started("w", 0, 0))
        assert Poison(0) in scan.lose("w")
        assert only(Broadcast, scan.join("x")) == []
        assert scan.scheduler.report().completed == 1

    def test_nor_is_it_given_to_workers_with_other_tags(self) -> None:
        scan = begun({"eiger": [[to_all(), to_all("gpu")], [bound(0, "gpu")]]}, "v")
        scan.lose("v")
        scan.join("w")
        scan.handle(Started("w", 0, 0))
        assert Poison(0) in scan.lose("w")
        assert scan.join("g", GPU) == [Window("g", 2), Bind(0, 0, "g")]


class TestLostState:
    def remembering(self) -> Scan:
        scan = Scan(uniform(4), wrap=True)
        scan.join("v", stateless=False)
        scan.join("w", stateless=True)
        scan.handle(Start())
        scan.finish("v", 0, 2)
        scan.finish("w", 0, 1)
        return scan

    def test_what_a_worker_may_have_held_is_named(self) -> None:
        scan = self.remembering()
        scan.finish("v", 3, outcome=RESULT)
        scan.lose("v")
        scan.lose("w")
        assert scan.scheduler.report().state_lost == ((2, 2),)

    def test_with_the_result_of_the_end_packets_it_has_returned_all(self) -> None:
        scan = self.remembering()
        scan.finish("v", 3)
        scan.finish("w", 4)
        scan.finish("v", 5, outcome=RESULT)
        scan.handle(Reduced("v", ((5, 5),)))
        scan.lose("v")
        assert scan.scheduler.report().state_lost == ()

    def test_without_one_it_may_still_hold_all(self) -> None:
        scan = self.remembering()
        scan.finish("v", 3)
        scan.finish("w", 4)
        scan.finish("v", 5)
        scan.finish("w", 5)
        assert scan.scheduler.phase is Phase.FINISHING_WORKERS
        scan.handle(WorkerLost("v"))
        assert scan.scheduler.report().state_lost == ((2, 3),)

    def test_a_worker_that_has_finished_holds_nothing(self) -> None:
        scan = self.remembering()
        scan.finish("v", 3)
        scan.finish("w", 4)
        scan.finish("v", 5)
        scan.finish("w", 5)
        scan.handle(WorkerFinished("v"), WorkerLost("v"))
        assert scan.scheduler.report().state_lost == ()


class TestMissingFrames:
    def two_streams(self, *workers: str, **every: int) -> Scan:
        streams = {"eiger": 1, "pcap": 1} | every
        return begun({"uniform": {"streams": streams, "events": 8}}, *workers, ingesters=("a", "b"))

    def test_an_event_goes_on_without_a_stream(self) -> None:
        scan = self.two_streams("w")
        assert scan.handle(Missing(EIGER, ((0, 0),))) == []
        assert Release(((0, 0),)) in scan.finish("w", 0)

    def test_without_any_frame_it_is_complete(self) -> None:
        scan = self.two_streams("w")
        scan.handle(Missing(EIGER, ((0, 1),)))
        assert Release(((1, 1),)) in scan.handle(Missing(PCAP, ((1, 2),)))
        assert scan.scheduler.report().missing == 1

    def test_a_stream_that_has_no_frame_there_is_not_waited_for(self) -> None:
        scan = self.two_streams("w", pcap=4)
        assert Release(((1, 3),)) in scan.handle(Missing(EIGER, ((0, 3),)))

    def test_an_end_long_before_that_of_the_map_is_looked_at_in_one(self) -> None:
        events = 2**40
        trigger_map = TriggerMap.from_json({"uniform": {"streams": ["eiger", "pcap"], "events": events}}, wrap=False)
        scheduler = Scheduler(trigger_map, {"a": [EIGER], "b": [PCAP]})
        for stimulus in (WorkerJoined("w", GENERIC), Start(), *(Missing(s, ((5, events - 1),)) for s in (EIGER, PCAP))):
            scheduler.handle(stimulus)
        assert scheduler.report().missing == events - 5

    def test_an_event_may_be_without_frames_before_it_is_bound(self) -> None:
        scan = begun(uniform(8), "w")
        assert scan.handle(Missing(EIGER, ((5, 6),))) == [Release(((5, 6),))]
        assert scan.finish("w", 0, 1, 2) == [Bind(4, 7, "w"), Release(((0, 2),))]
        assert scan.finish("w", 5) == []

    def test_a_detector_that_stops_ends_the_scan(self) -> None:
        scheduler = Scheduler(TriggerMap.from_json(uniform(10**6), wrap=False), {"a": [EIGER]})
        scheduler.handle(WorkerJoined("w", GENERIC))
        scheduler.handle(Start())
        assert only(FinishWorkers, scheduler.handle(Missing(EIGER, ((0, 10**6 - 1),)))) == [FinishWorkers(("w",))]
        assert scheduler.report().missing == 10**6

    def test_a_party_without_frames_is_done(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, "v", "w", ingesters=("a", "b"))
        assert scan.handle(Missing(PCAP, ((0, 0),))) == []
        assert scan.finish("w", 0) == []
        assert Release(((0, 0),)) in scan.finish("v", 0)

    def test_so_is_one_that_is_bound_later_to_a_worker_that_gets_other_frames_of_the_event(self) -> None:
        scan = Scan({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, ingesters=("a", "b"))
        scan.handle(Missing(EIGER, ((0, 0),)))
        scan.join("w")
        assert scan.handle(Start()) == [Bind(0, 1, "w")]
        assert scan.scheduler.report().completed == 0
        assert Release(((0, 0),)) in scan.finish("w", 0)

    def test_a_missing_header_holds_up_nobody_and_counts_once(self) -> None:
        scan = Scan(uniform(2), wrap=True)
        scan.join("v")
        scan.handle(Missing(EIGER, ((0, 0),)), Start(), Missing(EIGER, ((0, 0),)))
        assert scan.scheduler.report().completed == 1
        scan.join("w")
        assert scan.scheduler.report().missing == 1
        assert all(worker.idle or worker.name == "v" for worker in scan.scheduler._handout.workers.values())

    def test_a_suspect_may_turn_out_to_be_missing(self) -> None:
        scan = begun(uniform(2), "v")
        scan.join("w")
        scan.lose("v")
        assert scan.handle(Missing(EIGER, ((0, 0),)))[0] == Solo(1, "w", 1)


class TestParameters:
    def test_a_change_takes_effect_at_one_event_for_all(self) -> None:
        scan = begun(uniform(9), "w", ingesters=("a", "b"))
        assert scan.handle(ChangeParameters(7)) == [Hold(1)]
        assert scan.handle(Held("a", 1, 3)) == []
        assert scan.handle(Held("b", 1, 5)) == [UseParameters(7, 5)]

    def test_changes_follow_one_another(self) -> None:
        scan = begun(uniform(9), "w")
        assert scan.handle(ChangeParameters(1), ChangeParameters(2)) == []
        assert scan.handle(Held("a", 1, 2)) == [UseParameters(1, 2), Hold(2)]
        assert scan.handle(Held("a", 2, 2)) == [UseParameters(2, 2)]

    def test_an_answer_to_an_earlier_hold_is_ignored(self) -> None:
        scan = begun(uniform(9), "w", ingesters=("a", "b"))
        scan.handle(ChangeParameters(1), Held("a", 1, 0), Held("b", 1, 0), ChangeParameters(2))
        assert scan.handle(Held("a", 1, 0), Held("b", 2, 4)) == []
        assert scan.handle(Held("a", 2, 3)) == [UseParameters(2, 4)]

    def test_a_repeated_answer_and_a_stranger_s_are_ignored(self) -> None:
        scan = begun(uniform(9), "w", ingesters=("a", "b"))
        scan.handle(ChangeParameters(1), Held("a", 1, 1))
        assert scan.handle(Held("a", 1, 1)) == []
        assert scan.handle(Held("x", 1, 1)) == []

    def test_work_goes_on_during_a_hold(self) -> None:
        scan = begun(uniform(9), "w")
        scan.handle(ChangeParameters(1))
        assert scan.finish("w", 0) == [Bind(4, 4, "w"), Release(((0, 0),))]

    def test_an_ingester_without_streams_in_the_scan_holds_up_nobody(self) -> None:
        trigger_map = TriggerMap.from_json(uniform(3))
        scheduler = Scheduler(trigger_map, {"a": [EIGER], "b": [PCAP]})
        scheduler.handle(Start())
        scheduler.handle(ChangeParameters(5))
        scheduler.handle(Held("a", 1, 2))
        assert scheduler.handle(IngesterLost("b")) == [UseParameters(5, 2)]


class TestTheEnd:
    def test_workers_finish_then_the_reducer_then_all_is_over(self) -> None:
        scan = begun(uniform(2), "v", "w")
        scan.finish("v", 0)
        assert FinishWorkers(("v", "w")) in scan.finish("w", 1)
        assert scan.handle(WorkerFinished("w")) == []
        assert scan.handle(WorkerFinished("w")) == []
        assert scan.handle(WorkerFinished("v")) == [FinishReducer()]
        assert scan.handle(ReducerFinished()) == [ScanOver(scan.scheduler.report())]
        assert scan.scheduler.report().completed == 2
        assert scan.scheduler.report().incomplete == ()

    def test_after_it_nothing_happens(self) -> None:
        scan = begun(uniform(1), "w")
        scan.handle(Abort())
        for stimulus in (WorkerJoined("x", GENERIC), WorkerLost("w"), Stop(), Abort(), ReducerFinished(), Start()):
            assert scan.handle(stimulus) == []

    def test_it_does_not_come_too_early(self) -> None:
        scan = begun(uniform(1), "w")
        assert scan.handle(ReducerFinished()) == []
        assert scan.handle(WorkerFinished("w")) == []
        assert scan.finish("w", 0, outcome=RESULT) == []
        assert scan.scheduler.phase is Phase.RUNNING

    def test_a_worker_that_joins_too_late_is_left_alone(self) -> None:
        scan = begun(uniform(1), "w")
        scan.finish("w", 0)
        assert scan.join("x") == []
        assert scan.handle(WorkerFinished("w")) == [FinishReducer()]

    def test_abort_waits_for_nothing(self) -> None:
        scan = begun(uniform(4), "w")
        scan.finish("w", 1)
        [over] = scan.handle(Abort())
        assert isinstance(over, ScanOver)
        assert over.report.incomplete == ((0, 0), (2, 3))

    def test_a_lost_reducer_fails_the_scan(self) -> None:
        scan = begun(uniform(4), "w")
        [failed] = scan.handle(ReducerLost())
        assert isinstance(failed, ScanFailed)
        assert "reducer" in failed.reason
        assert failed.report.incomplete == ((0, 3),)

    def test_a_lost_ingester_fails_the_scan(self) -> None:
        scan = begun({"uniform": {"streams": ["eiger", "pcap"], "events": 4}}, "w", ingesters=("a", "b"))
        [failed] = scan.handle(IngesterLost("b"))
        assert isinstance(failed, ScanFailed)
        assert "b" in failed.reason
        assert "pcap" in failed.reason
        assert failed.report.incomplete == ((0, 3),)

    def test_an_ingester_lost_when_all_is_complete_does_no_harm(self) -> None:
        scan = begun(uniform(1), "w")
        scan.finish("w", 0)
        assert scan.handle(IngesterLost("a")) == []
        assert scan.scheduler.phase is Phase.FINISHING_WORKERS

    def test_repeated_starts_and_joins_are_ignored(self) -> None:
        scan = begun(uniform(9), "w")
        assert scan.handle(Start()) == []
        assert scan.join("w") == []


class TestStop:
    def test_what_was_forwarded_is_finished_and_the_end_packets_come(self) -> None:
        scan = begun(uniform(20), "w", wrap=True)
        scan.finish("w", 0)
        assert scan.handle(Stop()) == [Hold(1)]
        assert scan.handle(Held("a", 1, 4)) == [EndAt(4), Release(((4, 20),))]
        scan.finish("w", 1, 2)
        assert Broadcast(21, ("w",)) in scan.finish("w", 3)
        assert FinishWorkers(("w",)) in scan.finish("w", 21)
        report = scan.scheduler.report()
        assert (report.completed, report.skipped, report.incomplete) == (5, 17, ())

    def test_lower_events_are_bound_yet_and_higher_ones_are_not(self) -> None:
        scan = begun(uniform(20), "w")
        scan.handle(Stop(), Held("a", 1, 5))
        assert only(Bind, scan.finish("w", 0)) == [Bind(4, 4, "w")]
        assert only(Bind, scan.finish("w", 1)) == []

    def test_the_header_is_never_left_out(self) -> None:
        scan = begun(uniform(20), "w", wrap=True)
        assert EndAt(1) in scan.handle(Stop(), Held("a", 1, 0))

    def test_what_nobody_can_serve_is_left_out(self) -> None:
        column = [[bound(event, "gpu") if event % 2 else bound(event)] for event in range(10)]
        scan = begun({"eiger": column, "pcap": [[to_all("fast")]] + [None] * 9}, "w")
        scan.handle(Stop(), Held("a", 1, 4))
        scan.finish("w", 0, 2)
        assert scan.scheduler.phase is Phase.FINISHING_WORKERS
        assert scan.scheduler.report().skipped == 8

    def test_what_is_in_hand_is_left_out_if_nobody_can_serve_the_rest_of_the_event(self) -> None:
        scan = begun({"eiger": [[to_all()], [bound(0)]], "pcap": [[bound(1, "gpu")], None]}, "w")
        scan.finish("w", 0)
        scan.handle(Stop(), Held("a", 1, 2))
        assert scan.scheduler.report().skipped == 1
        assert FinishWorkers(("w",)) in scan.finish("w", 1)

    def test_so_is_what_a_worker_leaves_that_is_lost_then(self) -> None:
        scan = begun(uniform(20), "w")
        scan.handle(Stop(), Held("a", 1, 4))
        assert scan.lose("w")[0] == FinishReducer()

    def test_it_may_come_after_a_change_of_parameters(self) -> None:
        scan = begun(uniform(20), "w")
        scan.handle(ChangeParameters(1), Stop())
        assert scan.handle(Held("a", 1, 2)) == [UseParameters(1, 2), Hold(2)]
        assert scan.handle(Held("a", 2, 2))[0] == EndAt(2)

    def test_repeated_it_does_nothing(self) -> None:
        scan = begun(uniform(20), "w")
        scan.handle(Stop())
        assert scan.handle(Stop()) == []
        scan.handle(Held("a", 1, 2))
        assert scan.handle(Stop()) == []

    def test_before_the_start_it_is_the_end(self) -> None:
        scan = Scan(uniform(20))
        assert isinstance(scan.handle(Stop())[0], ScanOver)

    def test_end_packets_that_do_not_come_are_not_waited_for(self) -> None:
        scan = begun(uniform(1), "w", wrap=True)
        scan.finish("w", 0, 1)
        assert scan.handle(Stop(), Held("a", 1, 2)) == [EndAt(2)]
        assert FinishWorkers(("w",)) in scan.handle(Missing(EIGER, ((2, 2),)))


class TestStories:
    def test_the_story_of_an_event_that_killed_two_workers(self) -> None:
        scan = begun(uniform(1), "v", "w")
        scan.lose("v")
        scan.handle(Started("w", 0, 1))
        scan.lose("w")
        assert scan.scheduler.story(0) == [
            "virtual worker 0 bound to v, attempt 0",
            "v lost",
            "virtual worker 0 bound to w, attempt 1, but held back or done",
            "given to w alone, attempt 1",
            "started alone by w, attempt 1",
            "w lost",
            "poisoned: its worker was lost while it had it alone",
            "released",
            "complete",
        ]

    def test_of_what_is_long_past_there_is_no_story(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(story, "LOGGED", 6)
        scan = begun(uniform(9), "v")
        scan.finish("v", 0)
        assert scan.scheduler.story(0)[-3:] == ["finished by v, attempt 0: none", "released", "complete"]
        for event in range(1, 9):
            scan.finish("v", event)
        assert scan.scheduler.story(0) == ["complete"]

    def test_the_story_of_one_that_waits(self) -> None:
        scan = begun({"eiger": [[bound(0, "gpu"), to_all()]], "pcap": [[to_all("fast")]]}, "v")
        assert scan.scheduler.story(0) == [
            "broadcast to v",
            "in the hands of v, attempt 0",
            "virtual worker 0 waits for a worker with the tags gpu",
            "broadcast waits for a worker with the tags fast",
        ]

    def test_the_story_of_an_event_in_several_hands(self) -> None:
        scan = begun({"eiger": [[bound(0)]], "pcap": [[bound(1)]]}, "v", "w")
        scan.handle(Reduced("v", ((0, 0),)))
        assert scan.scheduler.story(0)[-2:] == [
            "reduced, not reported by v, attempt 0",
            "in the hands of w, attempt 0",
        ]

    def test_the_story_of_suspects_and_early_results(self) -> None:
        scan = begun(uniform(2), "v")
        scan.join("w")
        scan.lose("v")
        scan.handle(Reduced("w", ((0, 0),), 1))
        assert scan.scheduler.story(0)[-2:] == ["released", "complete"]
        assert scan.scheduler.story(1)[-1] == "suspect, held back for w, attempt 1"

    def test_the_story_of_a_result_and_of_a_missing_frame(self) -> None:
        scan = begun(uniform(3), "v")
        scan.finish("v", 0, outcome=RESULT)
        scan.handle(Reduced("v", ((1, 1),)), Missing(EIGER, ((2, 2),)))
        assert scan.scheduler.story(0)[1:] == ["finished by v, attempt 0: result", "result of v not reduced, attempt 0"]
        assert scan.scheduler.story(1)[1:] == [
            "result of v reduced, attempt 0",
            "released",
            "complete",
        ]
        assert scan.scheduler.story(2)[1:] == ["frame of eiger missing", "released", "complete"]

    def test_the_story_of_what_a_lost_worker_held(self) -> None:
        scan = begun(uniform(1), "v")
        scan.handle(WorkerLost("v"))
        assert scan.scheduler.story(0)[1:] == ["v lost", "in the hands of v (being fenced off), attempt 0"]

    def test_the_story_of_what_waits_for_room_and_of_the_end_packets(self) -> None:
        scan = begun(uniform(9), "v", wrap=True)
        assert scan.scheduler.story(9) == ["virtual worker 8 waits for room with a worker with the tags generic"]
        assert scan.scheduler.story(10) == ["waits until all other events are complete"]

    def test_the_story_of_an_event_that_was_left_out(self) -> None:
        scan = begun(uniform(9), "v")
        scan.handle(Stop(), Held("a", 1, 2))
        assert scan.scheduler.story(8) == ["released", "left out, as the scan was stopped"]


SEVERAL_PARTIES = {
    "eiger": [[bound(0), to_all()], [bound(1)], [bound(0)], None, [to_all("gpu")]],
    "pcap": [[bound(2)], [bound(3, "gpu")], [bound(4)], None, [bound(2)]],
}


@pytest.mark.parametrize(
    "document", [uniform(20_000), uniform(10_000, batch=7), {"parts": {"a": SEVERAL_PARTIES}, "sequence": ["a"] * 2000}]
)
def test_memory_does_not_grow_with_the_scan(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handout, "KEPT_BROADCASTS", 10)
    scheduler, random, workers = Scheduler(TriggerMap.from_json(document), {"a": [EIGER, PCAP]}), Random(1), 8
    for number in range(workers):
        scheduler.handle(WorkerJoined(f"worker{number}", BOTH, stateless=True))
    scheduler.handle(Start())
    report = 0
    while scheduler.phase is Phase.RUNNING:
        report += 1
        if report % 500 == 0:
            number += 1
            lost = random.choice(list(scheduler._handout.workers))
            for stimulus in (WorkerLost(lost), Fenced(lost), WorkerJoined(f"worker{number}", BOTH, stateless=True)):
                scheduler.handle(stimulus)
        worker = random.choice(list(scheduler._handout.workers.values()))
        attempt = random.choice(list(worker.attempts))
        frames_have_come = scheduler._completion.lowest + 100
        for first, last in worker.attempts[attempt].open.overlap(0, frames_have_come)[:2]:
            outcome = random.choice(list(Outcome))
            events = ((first, min(last, first + random.randrange(5))),)
            scheduler.handle(Finished(worker.name, events, outcome, random.choice([0.005, 0.02]), attempt))
            if outcome is RESULT:
                scheduler.handle(Reduced(worker.name, events, attempt))
        assert held(scheduler) < 100 * workers
    assert report > 1000
    assert held(scheduler) < 5 * workers


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(documents(), st.booleans(), st.integers(0, 2**32))
def test_in_a_world_of_faults_every_event_counts_once(document: dict[str, Any], wrap: bool, seed: int) -> None:
    random = Random(seed)
    trigger_map = TriggerMap.from_json(document, wrap=wrap)
    deadliness, losses = random.choice([0, 0, 0.1]), random.choice([0, 0, 0.1])
    deadly = [event for event in range(trigger_map.total_events) if random.random() < deadliness]
    world = World(trigger_map, random, deadly, losses, kept_frames=random.choice([1, 3, 100]))
    world.live(steps=random.choice([0, 50, 300]), faults=random.choice([0, 0.02, 0.1]))
    world.drain()
    world.check()
