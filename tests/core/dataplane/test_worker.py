"""A worker between a controller, ingesters and a reducer that the test plays."""

from __future__ import annotations

import hashlib
import math
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import zmq
from tests.core.dataplane.peers import PATIENCE, SCAN, Router, Running, context, without_bytes
from zmq.utils.monitor import recv_monitor_message

from dranspose.analysis import unpickle
from dranspose.dataplane import analysis_node, node
from dranspose.dataplane import worker as worker_module
from dranspose.dataplane.messages import (
    NO_SCAN,
    PIECE_BYTES,
    Arm,
    Disarm,
    Done,
    Failure,
    Parameters,
    Peers,
    Ping,
    Ready,
    TickInterval,
    Welcome,
    WorkerHello,
)
from dranspose.dataplane.node import Phase, State
from dranspose.dataplane.throttle import Throttle
from dranspose.dataplane.wire import PickledResult, Share, Shares, decode_results, encode_shares
from dranspose.dataplane.worker import Worker, WorkerCounts
from dranspose.event import EventData, StreamData
from dranspose.parameters import IntParameter
from dranspose.protocol import EventNumber, WorkerState, WorkParameter
from dranspose.scheduling.instructions import FinishWorkers, Proceed, Window
from dranspose.scheduling.stimuli import Finished, Outcome, Started, WorkerFinished
from dranspose.triggermap import TriggerMap

TRIGGER_MAP = TriggerMap.from_json({"uniform": {"streams": ["x"], "events": 1}}).to_message()
OTHER_SCAN = b"fedcba9876543210"


class Scene:
    """A controller, two ingesters and a reducer."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.controller, self.x, self.y, self.reducer, self.new_x, self.new_reducer = (
            Router(context) for _ in range(6)
        )

    def worker(self, user_class: type, **options: Any) -> Worker:
        return Worker("worker-1", self.controller.url, user_class, **options)

    def meet(self) -> WorkerHello:
        """Welcome the worker, and have it meet the others."""
        hello = self.controller.hear(WorkerHello, NO_SCAN)
        self.controller.say(Welcome(), NO_SCAN)
        self.controller.say(
            Peers({"x:1": (self.x.url,), "y:1": (self.y.url,)}, {"reducer:1": (self.reducer.url,)}), NO_SCAN
        )
        for peer in (self.x, self.y, self.reducer):
            assert peer.hear(WorkerHello, NO_SCAN) == hello
        return hello

    def arm(self, version: int = 0, scan: bytes = SCAN) -> Ready:
        self.controller.say(Parameters(version, {"factor": ("int", b"10")}), NO_SCAN)
        self.controller.say(Arm(TRIGGER_MAP, version), scan)
        return self.controller.hear(Ready, scan)

    def begin(self) -> None:
        self.meet()
        assert self.arm() == Ready()

    def results(self) -> list[PickledResult]:
        message = decode_results(self.reducer.receive())
        assert message.scan == SCAN
        return message.results

    def finished(self) -> tuple[Any, ...]:
        """Return what the worker reports of events, without their duration."""
        report = self.controller.hear(Finished)
        assert report.worker == self.controller.node.decode()
        assert report.seconds >= 0
        return report.events, report.outcome, report.attempt


@pytest.fixture
def scene() -> Iterator[Scene]:
    with context() as made:
        yield Scene(made)


@pytest.fixture(autouse=True)
def _one_report_for_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_node, "LOOK_INTERVAL", PATIENCE / 1000)


def frames(stream: str, *shares: Share, version: int = 0, scan: bytes = SCAN, ticks: tuple[int, ...] = ()) -> list[Any]:
    return encode_shares(Shares(scan, stream, version, list(shares), ticks))


def share(event: int, streams: int = 1, *, attempt: int = 0, solo: bool = False, lost: bool = False) -> Share:
    return Share(event, attempt, streams, solo, None if lost else StreamData("T", [b"%d" % event]))


class Echo:
    """Returns the number of the event, times a parameter."""

    def process_event(self, event: EventData, parameters: Mapping[str, WorkParameter]) -> object:
        factor = parameters["factor"].value
        assert isinstance(factor, int)
        return event.event_number * factor, sorted(event.streams)


class Moody(Echo):
    """Returns None for event 1, raises at event 2."""

    def process_event(self, event: EventData, parameters: Mapping[str, WorkParameter]) -> object:
        if event.event_number == 2:
            raise KeyError("two")
        return None if event.event_number == 1 else super().process_event(event, parameters)


def payloads(results: list[PickledResult]) -> list[Any]:
    return [unpickle(result.pickles, EventNumber(result.event)) for result in results]


def test_it_introduces_itself_to_all(scene: Scene) -> None:
    class Stateless(Echo):
        stateless = True

        @staticmethod
        def describe_parameters() -> list[IntParameter]:
            return [IntParameter(name="factor", default=3)]

    with Running(scene.worker(Stateless, tags=["slow", "generic"])) as running:
        described = (IntParameter(name="factor", default=3),)
        assert scene.meet() == WorkerHello("worker-1", ("generic", "slow"), stateless=True, parameters=described)
        for peer in (scene.controller, scene.x, scene.reducer):
            assert peer.node.decode() == running.node.identity
            assert peer.node.startswith(b"worker-1:")


def test_what_the_class_makes_of_joined_frames_goes_to_the_reducer_and_is_reported(scene: Scene) -> None:
    with Running(scene.worker(Echo)):
        scene.begin()
        scene.x.send(frames("x", share(3, 2)))
        scene.y.send(frames("y", share(3, 2)))
        results = scene.results()
        assert [result[:3] for result in results] == [(3, 0, 0)]
        assert payloads(results) == [(30, ["x", "y"])]
        assert scene.finished() == (((3, 3),), Outcome.RESULT, 0)
        for ingester in (scene.x, scene.y):
            assert ingester.hear(Done) == Done(((3, 3, 0),))


def test_a_long_parameter_comes_whole(scene: Scene) -> None:
    class Masked(Echo):
        def process_event(self, event: EventData, parameters: Mapping[str, WorkParameter]) -> object:
            return hashlib.sha256(parameters["mask"].data).digest()

    mask = np.random.default_rng(0).bytes(3 * PIECE_BYTES)
    with Running(scene.worker(Masked)):
        scene.meet()
        scene.controller.say(Parameters(0, {"mask": ("binary", mask)}), NO_SCAN)
        assert scene.arm(version=1) == Ready()
        scene.x.send(frames("x", share(3), version=1))
        assert payloads(scene.results()) == [hashlib.sha256(mask).digest()]


def test_all_outcomes_of_all_attempts_are_reported(scene: Scene) -> None:
    with Running(scene.worker(Moody)) as running:
        scene.begin()
        scene.x.send(
            frames("x", share(2), share(1), share(5, lost=True), share(6), share(7), share(3, attempt=4), share(9))
        )
        assert scene.controller.hear(Failure).event == 2
        reports = [scene.finished() for _ in range(4)]
        assert reports == [
            (((1, 1), (5, 5)), Outcome.NONE, 0),
            (((6, 7), (9, 9)), Outcome.RESULT, 0),
            (((2, 2),), Outcome.FAILED, 0),
            (((3, 3),), Outcome.RESULT, 4),
        ]
        assert scene.x.hear(Done) == Done(((1, 1, 0), (5, 5, 0), (6, 7, 0), (9, 9, 0), (2, 2, 0), (3, 3, 4)))
        assert without_bytes(running.node.counts) == WorkerCounts(results=4, none=1, failed=1, lost=1)


def test_a_failure_shows_what_the_user_wrote(scene: Scene) -> None:
    with Running(scene.worker(Moody)):
        scene.begin()
        scene.x.send(frames("x", share(2)))
        failure = scene.controller.hear(Failure)
        assert failure.text.endswith("Moody failed at event 2")
        assert failure.text.startswith("process_event of ")
        assert failure.traceback.endswith("KeyError: 'two'\n")


def test_failures_are_told_ten_times_a_second_at_most(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "lets_pass", lambda self, now: False)
    with Running(scene.worker(Moody)):
        scene.begin()
        scene.x.send(frames("x", share(2)))
        assert scene.finished() == (((2, 2),), Outcome.FAILED, 0)


def test_a_class_that_cannot_be_made_takes_no_part(scene: Scene) -> None:
    class Broken(Echo):
        def __init__(self, parameters: Mapping[str, WorkParameter]) -> None:
            if parameters["factor"].value == 10:
                raise OSError("no such mask")

    with Running(scene.worker(Broken)):
        scene.meet()
        error = scene.arm().error
        assert error.splitlines()[0].endswith("Broken failed")
        assert error.endswith("OSError: no such mask")
        scene.controller.say(Parameters(1, {"factor": ("int", b"11")}), NO_SCAN)
        scene.controller.say(Arm(TRIGGER_MAP, 1), SCAN)
        assert scene.controller.hear(Ready) == Ready()


def test_parameters_that_it_was_not_told_are_an_error(scene: Scene) -> None:
    with Running(scene.worker(Echo)):
        scene.meet()
        scene.controller.say(Arm(TRIGGER_MAP, 4), SCAN)
        assert scene.controller.hear(Ready) == Ready("worker-1 has not got version 4 of the parameters")


def test_the_class_is_told_who_it_is_and_keeps_its_context(scene: Scene) -> None:
    class Counting:
        def __init__(self, context: dict[str, Any], state: WorkerState) -> None:
            context["scans"] = context.get("scans", 0) + 1
            self.told = context["scans"], state.name, sorted(state.tags), state.mapping_uuid

        def process_event(self) -> object:
            return self.told

    with Running(scene.worker(Counting)):
        scene.begin()
        scene.controller.say(Disarm())
        scene.arm()
        scene.x.send(frames("x", share(1)))
        ((scans, name, tags, scan),) = payloads(scene.results())
        assert (scans, name, tags, scan.bytes) == (2, "worker-1", ["generic"], SCAN)


def test_a_version_is_what_changed_on_top_of_the_one_before(scene: Scene) -> None:
    class Telling:
        def process_event(self, event: EventData, parameters: Mapping[str, WorkParameter]) -> object:
            return {name: parameter.value for name, parameter in parameters.items()}

    with Running(scene.worker(Telling)):
        scene.begin()
        scene.controller.say(Parameters(1, {"on": ("bool", b"True"), "file": ("", b"x")}), NO_SCAN)
        scene.controller.say(Parameters(2, {"factor": ("int", b"11")}), NO_SCAN)
        for version, shown in ((0, {"factor": 10}), (2, {"factor": 11, "on": True, "file": None})):
            scene.x.send(frames("x", share(1), version=version))
            assert payloads(scene.results()) == [shown]


def test_it_asks_for_ticks_and_tells_its_class_which_events_are(scene: Scene) -> None:
    class Ticking:
        def get_tick_interval(self, parameters: Mapping[str, WorkParameter]) -> float:
            return 5 / float(parameters["factor"].value or 0)

        def process_event(self, event: EventData, parameters: object, tick: bool) -> bool:
            return tick

    with Running(scene.worker(Ticking)):
        scene.meet()
        scene.controller.say(Parameters(0, {"factor": ("int", b"10")}), NO_SCAN)
        scene.controller.say(Parameters(1, {"other": ("int", b"1")}), NO_SCAN)
        scene.controller.say(Parameters(2, {"factor": ("int", b"50")}), NO_SCAN)
        scene.controller.say(Parameters(3, {"factor": ("int", b"0")}), NO_SCAN)
        scene.controller.say(Arm(TRIGGER_MAP, 0))
        assert scene.controller.hear(TickInterval) == TickInterval(0.5)
        assert scene.controller.hear(Ready) == Ready()
        scene.x.send(frames("x", share(1), share(2), share(3), ticks=(1, 3)))
        assert payloads(scene.results()) == [True, False, True]
        assert scene.finished()[0] == ((1, 3),)
        scene.x.send(frames("x", share(4), version=1))
        assert scene.finished()[0] == ((4, 4),)
        scene.x.send(frames("x", share(5), version=2))
        assert scene.controller.hear(TickInterval) == TickInterval(0.1)
        assert scene.finished()[0] == ((5, 5),)
        scene.x.send(frames("x", share(6), version=3))
        assert "get_tick_interval" in scene.controller.hear(Failure).text
        assert scene.finished() == (((6, 6),), Outcome.RESULT, 0)


def test_events_wait_for_the_parameters_they_are_stamped_with(scene: Scene) -> None:
    with Running(scene.worker(Echo)):
        scene.begin()
        scene.x.send(frames("x", share(1), version=0))
        scene.x.send(frames("x", share(2), share(3), version=1))
        assert scene.finished() == (((1, 1),), Outcome.RESULT, 0)
        scene.controller.say(Parameters(1, {"factor": ("int", b"100")}), NO_SCAN)
        assert scene.finished() == (((2, 3),), Outcome.RESULT, 0)
        assert payloads(scene.results()) == [(10, ["x"])]
        results = scene.results()
        assert [result.version for result in results] == [1, 1]
        assert payloads(results) == [(200, ["x"]), (300, ["x"])]


def test_a_solo_event_is_announced_and_waits_with_all_that_follow_until_that_is_noted(scene: Scene) -> None:
    with Running(scene.worker(Echo)) as running:
        scene.begin()
        scene.x.send(frames("x", share(1), share(2, attempt=3, solo=True), share(4)))
        assert scene.finished() == (((1, 1),), Outcome.RESULT, 0)
        assert scene.controller.hear(Started) == Started(running.node.identity, 2, 3)
        scene.controller.say(Proceed(2, running.node.identity, 1))
        scene.controller.say(
            Arm(TRIGGER_MAP, 99), OTHER_SCAN
        )  # is answered, so that what came before has been looked at
        assert scene.controller.hear(Ready, OTHER_SCAN).error


def test_a_solo_event_is_reported_by_itself_and_nothing_follows_before_that_is_noted(scene: Scene) -> None:
    with Running(scene.worker(Echo)) as running:
        scene.begin()
        scene.x.send(frames("x", share(2, attempt=3, solo=True), share(4)))
        scene.controller.hear(Started)
        proceed = Proceed(2, running.node.identity, 3)
        scene.controller.say(proceed)
        report = scene.controller.hear(Finished)
        assert (report.events, report.outcome, report.attempt, report.solo) == (((2, 2),), Outcome.RESULT, 3, True)
        for _ in range(10):  # are answered between the pieces of work, of which there is to be none
            scene.controller.say(FinishWorkers((running.node.identity,)))
            scene.controller.hear(WorkerFinished)
        scene.controller.say(proceed)
        report = scene.controller.hear(Finished)
        assert (report.events, report.solo) == (((4, 4),), False)
        assert payloads(scene.results()) == [(20, ["x"])]


def test_a_solo_event_without_frames_needs_no_announcement(scene: Scene) -> None:
    with Running(scene.worker(Echo)):
        scene.begin()
        scene.x.send(frames("x", share(2, attempt=3, solo=True, lost=True)))
        assert scene.finished() == (((2, 2),), Outcome.NONE, 3)


def test_a_large_array_arrives_as_it_was_when_it_was_returned(scene: Scene) -> None:
    class Summing:
        def __init__(self) -> None:
            self.sums = np.zeros((300, 400))

        def process_event(self) -> object:
            self.sums += 1
            return {"sums": self.sums}

    with Running(scene.worker(Summing)):
        scene.begin()
        scene.x.send(frames("x", share(1), share(2)))
        results = scene.results()
        assert [len(result.pickles) for result in results] == [2, 2]
        assert [(payload["sums"].shape, payload["sums"].max()) for payload in payloads(results)] == [
            ((300, 400), 1.0),
            ((300, 400), 2.0),
        ]


def test_the_end_of_a_scan_is_looked_at_between_slow_events(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    calling, may_return = threading.Event(), threading.Semaphore(0)

    class Slow:
        def process_event(self) -> None:
            calling.set()
            may_return.acquire()

    monkeypatch.setattr(analysis_node, "LOOK_INTERVAL", 0)
    with Running(scene.worker(Slow)):
        scene.begin()
        scene.x.send(frames("x", *map(share, range(100))))
        calling.wait()
        scene.controller.say(Disarm())
        scene.controller.say(Arm(TRIGGER_MAP, 0), OTHER_SCAN)
        heard: list[Any] = []
        while not heard or isinstance(heard[-1], Finished):
            may_return.release()
            heard.append(scene.controller.hear_anything()[1])
        *reports, ready = heard
        assert ready == Ready()
        assert [report.events for report in reports] == [((event, event),) for event in range(len(reports))]
        assert len(reports) < 100


def test_what_is_left_of_another_scan_is_dropped(scene: Scene) -> None:
    with Running(scene.worker(Echo)) as running:
        scene.begin()
        scene.x.send(frames("x", share(1, 2)))
        scene.x.send(frames("x", share(1), scan=OTHER_SCAN))
        scene.x.send(frames("x", share(8)))
        assert scene.finished() == (((8, 8),), Outcome.RESULT, 0)
        scene.controller.say(Disarm(), OTHER_SCAN)
        scene.x.send(frames("x", share(9)))
        assert scene.finished() == (((9, 9),), Outcome.RESULT, 0)
        assert without_bytes(running.node.counts) == WorkerCounts(results=2, strays=1)
        scene.arm()
        scene.y.send(frames("y", share(1, 2)))
        scene.y.send(frames("y", share(2)))
        assert scene.finished() == (((2, 2),), Outcome.RESULT, 0)


def test_bad_messages_are_left_out(scene: Scene) -> None:
    with Running(scene.worker(Echo)) as running:
        scene.begin()
        scene.controller.send([b"nonsense"])
        scene.x.send([b"nonsense"])
        scene.x.send([b"\xc1", b""])
        scene.x.send(frames("x", share(8)))
        assert scene.finished() == (((8, 8),), Outcome.RESULT, 0)
        assert running.node.counts.malformed == 2


def test_finish_is_called_with_the_parameters_in_use_and_answered_by_those_who_are_meant(scene: Scene) -> None:
    finished_with = []

    class Finishing(Echo):
        def finish(self, parameters: Mapping[str, WorkParameter]) -> None:
            finished_with.append(parameters["factor"].value)
            raise ValueError("at the end")

    with Running(scene.worker(Finishing)) as running:
        scene.begin()
        scene.controller.say(Parameters(1, {"factor": ("int", b"11")}), NO_SCAN)
        scene.controller.say(Parameters(2, {"factor": ("int", b"12")}), NO_SCAN)
        scene.x.send(frames("x", share(8), version=1))
        scene.finished()
        scene.controller.say(FinishWorkers(("another",)))
        scene.controller.say(FinishWorkers((running.node.identity,)))
        failure = scene.controller.hear(Failure)
        assert failure.event == -1
        assert failure.traceback.endswith("ValueError: at the end\n")
        assert scene.controller.hear(WorkerFinished) == WorkerFinished(running.node.identity)
        assert finished_with == [11]


def test_it_follows_peers_that_come_and_go(scene: Scene) -> None:
    with Running(scene.worker(Echo)):
        scene.begin()
        monitor = scene.x.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        scene.controller.say(Peers({"y:1": (scene.y.url,), "bad:1": ("tcp://*:x",)}, {}), NO_SCAN)
        assert monitor.poll(PATIENCE)
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
        monitor.close()
        scene.x.socket.disable_monitor()
        peers = Peers({"y:1": (scene.y.url,), "x:2": (scene.new_x.url,)}, {"reducer:2": (scene.new_reducer.url,)})
        scene.controller.say(peers, NO_SCAN)
        for peer in (scene.new_x, scene.new_reducer):
            peer.hear(WorkerHello, NO_SCAN)
        scene.new_x.send(frames("x", share(8)))
        assert payloads(decode_results(scene.new_reducer.receive()).results) == [(80, ["x"])]
        for ingester in (scene.y, scene.new_x):
            assert ingester.hear(Done) == Done(((8, 8, 0),))


@pytest.mark.parametrize("broken", ["controller", "x", "reducer"])
def test_when_a_connection_breaks_it_comes_anew(scene: Scene, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    monkeypatch.setattr(worker_module, "OUT_OF_TOUCH", 0.0)
    with Running(scene.worker(Echo)) as running:
        scene.begin()
        before = running.node.identity
        scene.controller.say(Parameters(1, {"old": ("int", b"1")}), NO_SCAN)
        scene.x.send(frames("x", share(1, 2)))
        getattr(scene, broken).restart()
        scene.meet()
        assert scene.controller.node.decode() == running.node.identity != before
        scene.x.send(frames("x", share(2)))  # of the scan that it has given up
        assert scene.arm(scan=OTHER_SCAN) == Ready()
        scene.y.send(frames("y", share(1, 2), scan=OTHER_SCAN))
        scene.y.send(frames("y", share(8), scan=OTHER_SCAN))
        assert scene.controller.hear(Finished, OTHER_SCAN).events == ((8, 8),)
        assert payloads(decode_results(scene.reducer.receive()).results) == [(80, ["y"])]


def test_when_the_controller_is_silent_it_comes_anew(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with Running(scene.worker(Echo)):
        scene.begin()
        before = scene.controller.node
        monkeypatch.setattr(node, "SILENCE", 0.0)
        scene.controller.hear(WorkerHello, NO_SCAN)
        assert scene.controller.node != before


def test_a_connection_to_a_node_that_is_gone_may_break(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "OUT_OF_TOUCH", 1e6)
    with Running(scene.worker(Echo)):
        scene.begin()
        scene.y.restart()
        scene.controller.say(Peers({"x:1": (scene.x.url,)}, {"reducer:1": (scene.reducer.url,)}), NO_SCAN)
        assert scene.arm() == Ready()  # so that it has heard of that
        monkeypatch.setattr(worker_module, "OUT_OF_TOUCH", -1.0)
        scene.controller.hear_statistics(lambda statistics: True)
        scene.x.send(frames("x", share(8)))
        assert scene.finished() == (((8, 8),), Outcome.RESULT, 0)


@pytest.mark.parametrize("error", [None, ValueError("at the close")])
def test_close_is_called_at_the_end(scene: Scene, error: Exception | None) -> None:
    closed = []

    class Closing(Echo):
        def close(self, context: dict[Any, Any]) -> None:
            closed.append(context)
            if error is not None:
                raise error

    with Running(scene.worker(Closing)) as running:
        scene.begin()
    assert closed == [{}]
    running.node.close()
    assert closed == [{}]


def test_a_worker_that_never_ran_is_closed_without_its_class(scene: Scene) -> None:
    monitor = scene.controller.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    worker = scene.worker(Echo)
    scene.controller.hear(WorkerHello, NO_SCAN)
    worker.close()
    assert monitor.poll(PATIENCE)
    monitor.close()
    scene.controller.socket.disable_monitor()


def test_it_tells_how_it_stands(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    states: queue.SimpleQueue[State] = queue.SimpleQueue()

    def stands_at(expected: State) -> bool:
        while states.get(timeout=PATIENCE / 1000) != expected:
            pass
        return True

    worker = scene.worker(Moody, on_change=lambda: states.put(worker.state))
    assert worker.state == State(Phase.OUT_OF_TOUCH)
    with Running(worker):
        scene.meet()
        assert stands_at(State(Phase.STANDBY))
        scene.arm()
        assert stands_at(State(Phase.RUNNING, scan=SCAN))
        monkeypatch.setattr(node, "OUT_OF_TOUCH", -1.0)
        assert stands_at(State(Phase.OUT_OF_TOUCH, scan=SCAN))
        monkeypatch.undo()
        scene.controller.say(Ping(), NO_SCAN)
        assert stands_at(State(Phase.RUNNING, scan=SCAN))
        scene.controller.say(Arm(TRIGGER_MAP, 7), OTHER_SCAN)
        assert stands_at(State(Phase.FAILED, "worker-1 has not got version 7 of the parameters", SCAN))
        scene.controller.say(Welcome("there is another"), NO_SCAN)
        assert stands_at(State(Phase.FAILED, "there is another", SCAN))


def test_its_statistics_are_those_of_the_scan(scene: Scene) -> None:
    with Running(scene.worker(Moody)) as running:
        scene.begin()
        scene.controller.say(Window(running.node.identity, 7))
        scene.x.send(frames("x", *map(share, range(5))))
        told = scene.controller.hear_statistics(
            lambda statistics: statistics.counts.processed == 5 and statistics.window == 7
        )
        assert (told.scan, told.counts.results, told.counts.none, told.counts.failed) == (SCAN, 3, 1, 1)
        assert told.counts.received_bytes > 0
        assert told.counts.sent_bytes > 0
        assert told.rate > 0
        assert told.time.processing > 0
        assert told.seconds_per_call > 0
        assert math.isclose(sum(getattr(told.time, field.name) for field in fields(told.time)), 1.0)
        scene.controller.say(Disarm())
        assert scene.controller.hear_statistics(lambda statistics: True).counts == told.counts
        assert running.node.statistics.scan == SCAN
        scene.arm(scan=OTHER_SCAN)
        told = scene.controller.hear_statistics(lambda statistics: statistics.scan == OTHER_SCAN)
        assert told.counts == WorkerCounts()
