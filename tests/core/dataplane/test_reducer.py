"""A reducer between a controller and workers that the test plays."""

from __future__ import annotations

import json
import pickle
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import zmq
from tests.core.dataplane.peers import PATIENCE, SCAN, Dealer, Router, Running, context, without_bytes

from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Failure,
    Parameters,
    Ready,
    ReducerHello,
    Welcome,
    WorkerGone,
    WorkerHello,
)
from dranspose.dataplane.reducer import Reducer, ReducerCounts
from dranspose.dataplane.sockets import nearest
from dranspose.dataplane.wire import Part, PickledResult, Results, encode_results
from dranspose.event import ResultData
from dranspose.parameters import parameters_hash
from dranspose.protocol import ParameterName, ReducerState, WorkParameter
from dranspose.scheduling.instructions import Fence, FinishReducer
from dranspose.scheduling.stimuli import Fenced, Reduced, ReducerFinished
from dranspose.triggermap import TriggerMap

TRIGGER_MAP = TriggerMap.from_json({"uniform": {"streams": ["x"], "events": 1}}).to_message()
OTHER_SCAN = b"fedcba9876543210"
A, B = "worker-a:1", "worker-b:1"


class Scene:
    """A controller and two workers."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.context = context
        self.controller = Router(context)

    def reducer(self, user_class: type, **options: Any) -> Reducer:
        return Reducer("reducer", self.controller.url, user_class, **options)

    def arm(self, version: int = 0, scan: bytes = SCAN) -> Ready:
        self.controller.say(Parameters(version, {"factor": ("int", b"10")}), NO_SCAN)
        self.controller.say(Arm(TRIGGER_MAP, version), scan)
        return self.controller.hear(Ready, scan)

    def begin(self) -> None:
        url = nearest(self.controller.hear(ReducerHello, NO_SCAN).urls)
        self.controller.say(Welcome(), NO_SCAN)
        self.a, self.b = (Dealer(self.context, url, worker) for worker in (A, B))
        for worker, name in ((self.a, "worker-a"), (self.b, "worker-b")):
            worker.say(WorkerHello(name, ("generic",), stateless=False))
        assert self.arm() == Ready()

    def reduced(self, count: int) -> list[tuple[str, int, int]]:
        """Return worker, event and attempt of what the reducer reports, until so many were reported."""
        found: list[tuple[str, int, int]] = []
        while len(found) < count:
            report = self.controller.hear(Reduced)
            for first, last in report.events:
                found += [(report.worker, event, report.attempt) for event in range(first, last + 1)]
        return sorted(found)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with context() as made:
        yield Scene(made)


def result(event: int, payload: object = None, *, attempt: int = 0, version: int = 0) -> PickledResult:
    return PickledResult(event, attempt, version, [pickle.dumps(payload)])


def message(*results: PickledResult, scan: bytes = SCAN) -> list[Part]:
    return encode_results(Results(scan, list(results)))


class Collecting:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.results: list[tuple[ResultData, object]] = []
        self.publish = {"results": self.results}

    def process_result(self, result: ResultData, parameters: Mapping[str, WorkParameter]) -> None:
        if isinstance(result.payload, str) and result.payload == "bad":
            raise KeyError("bad")
        self.results.append((result, parameters["factor"].value))


def collected(reducer: Any) -> list[Any]:
    published, _ = reducer.published()
    return [(got.worker, got.event_number, got.payload) for got, _ in published["results"]]


def test_results_go_to_the_class_and_are_reported(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        scene.a.send(message(result(1, "one"), result(2, "two"), result(2, "again", attempt=3)))
        assert scene.reduced(3) == [(A, 1, 0), (A, 2, 0), (A, 2, 3)]
        scene.b.send(message(result(1, "other")))
        assert scene.reduced(1) == [(B, 1, 0)]
        expected = [("worker-a", 1, "one"), ("worker-a", 2, "two"), ("worker-a", 2, "again"), ("worker-b", 1, "other")]
        assert collected(running.node) == expected
        assert without_bytes(running.node.counts) == ReducerCounts(results=4)


def test_a_result_tells_which_parameters_it_was_made_with(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        scene.a.send(message(result(1), result(2, version=1), result(3, version=0)))
        scene.reduced(1)
        scene.controller.say(Parameters(1, {"factor": ("int", b"11")}), NO_SCAN)
        scene.reduced(2)
        published, _ = running.node.published()
        hashes = {factor: parameters_hash({ParameterName("factor"): b"%d" % factor}) for factor in (10, 11)}
        told = [(got.event_number, got.parameters_hash, factor) for got, factor in published["results"]]
        assert told == [(1, hashes[10], 10), (2, hashes[11], 11), (3, hashes[10], 10)]


def test_large_arrays_are_views_of_what_was_received(scene: Scene) -> None:
    image = np.arange(100_000.0)
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(image, protocol=5, buffer_callback=buffers.append)
        scene.a.send(message(PickledResult(1, 0, 0, [pickled, buffers[0].raw()])))
        scene.reduced(1)
        ((_, _, received),) = collected(running.node)
        assert received.tolist() == image.tolist()
        assert not received.flags.owndata
        received += 1


def test_what_a_fenced_worker_sent_counts_before_the_answer_or_not_at_all(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        scene.a.send(message(*(result(event) for event in range(1000))))
        scene.controller.say(Fence(A))
        taken = []
        while True:
            _, report = scene.controller.hear_anything()
            if isinstance(report, Fenced):
                break
            taken += [event for first, last in report.events for event in range(first, last + 1)]
        assert report == Fenced(A)
        assert [event for _, event, _ in collected(running.node)] == taken
        scene.a.send(message(result(2000)))
        scene.b.send(message(result(1)))
        assert scene.reduced(1) == [(B, 1, 0)]
        scene.controller.say(Fence(B))
        assert scene.controller.hear(Fenced) == Fenced(B)


def test_a_fenced_worker_has_no_say_until_the_next_scan(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)):
        scene.begin()
        scene.controller.say(Fence(A))
        scene.controller.hear(Fenced)
        scene.a.send(message(result(1)))
        scene.a.send([b"nonsense", b""])
        scene.b.send(message(result(1)))
        assert scene.reduced(1) == [(B, 1, 0)]
        expected = ReducerCounts(results=1, fenced=1, malformed=1)
        scene.controller.hear_statistics(lambda statistics: without_bytes(statistics.counts) == expected)
        scene.arm()
        scene.a.send(message(result(5)))
        assert scene.reduced(1) == [(A, 5, 0)]


def test_a_worker_that_is_gone_is_forgotten(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        scene.a.send(message(result(1)))
        scene.reduced(1)
        scene.controller.say(WorkerGone(A), NO_SCAN)
        assert scene.arm() == Ready()
        scene.a.send(message(result(1)))
        scene.reduced(1)
        assert collected(running.node) == [(A, 1, None)]


def test_a_result_that_comes_twice_is_taken_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        scene.a.send(message(result(7), result(7), result(8)))
        assert scene.reduced(2) == [(A, 7, 0), (A, 8, 0)]
        assert without_bytes(running.node.counts) == ReducerCounts(results=2, twice=1)
    assert f"{A} sent a result of event 7 twice" in caplog.text


class FailsToLoad:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_a_result_that_makes_the_class_fail_is_told_and_done_with(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        scene.a.send(message(result(1, "bad"), result(2, FailsToLoad())))
        first, second = (scene.controller.hear(Failure) for _ in range(2))
        assert first.event == 1
        assert first.traceback.endswith("KeyError: 'bad'\n")
        assert (second.event, second.text) == (2, "the result of process_event cannot be unpickled at event 2")
        assert scene.reduced(2) == [(A, 1, 0), (A, 2, 0)]
        assert without_bytes(running.node.counts) == ReducerCounts(failed=2)


def test_what_is_left_of_another_scan_is_dropped(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)):
        scene.begin()
        scene.a.send(message(result(1), scan=OTHER_SCAN))
        scene.a.send(message(result(2)))
        assert scene.reduced(1) == [(A, 2, 0)]
        scene.a.send(message(result(3, version=1)))
        assert scene.arm(scan=OTHER_SCAN) == Ready()
        scene.controller.say(Parameters(1, {"factor": ("int", b"11")}), NO_SCAN)
        scene.a.send(message(result(4, version=1), scan=OTHER_SCAN))
        assert scene.controller.hear(Reduced, OTHER_SCAN) == Reduced(A, ((4, 4),), 0)


def test_a_class_that_cannot_be_made_leaves_the_results_of_the_scan_before(scene: Scene) -> None:
    class Once(Collecting):
        def __init__(self, context: dict[str, int], state: ReducerState) -> None:
            super().__init__()
            if context.setdefault("scans", 0):
                raise OSError("disk full")
            context["scans"] += 1
            self.publish["name"] = [state.name]  # type: ignore[list-item]

    with Running(scene.reducer(Once)) as running:
        assert running.node.published() == ({}, None)
        scene.begin()
        scene.controller.say(Disarm())
        assert scene.arm().error.endswith("OSError: disk full")
        assert running.node.published()[0]["name"] == ["reducer"]


def test_the_timer_is_called_in_a_thread_of_its_own_and_its_failures_are_told(scene: Scene) -> None:
    threads = []

    class Timed(Collecting):
        def timer(self, parameters: Mapping[str, WorkParameter]) -> float:
            threads.append((threading.current_thread().name, parameters["factor"].value))
            raise ValueError("late")

    with Running(scene.reducer(Timed)):
        scene.begin()
        failure = scene.controller.hear(Failure)
        assert failure.event == -1
        assert failure.traceback.endswith("ValueError: late\n")
        assert threads[0] == ("reducer timer", 10)


def test_finish_is_called_when_the_timer_is_over(scene: Scene) -> None:
    calls = []

    class Finishing(Collecting):
        def timer(self) -> float:
            calls.append("timer")
            return 0.0

        def finish(self, parameters: Mapping[str, WorkParameter]) -> None:
            calls.append("finish")
            raise ValueError("at the end")

        def close(self) -> None:
            calls.append("close")

    with Running(scene.reducer(Finishing)):
        scene.begin()
        scene.controller.say(FinishReducer())
        assert scene.controller.hear(Failure).text.endswith("Finishing failed")
        assert scene.controller.hear(ReducerFinished) == ReducerFinished()
    assert calls[-2:] == ["finish", "close"]
    assert calls.count("finish") == calls.count("close") == 1


def test_what_the_class_publishes_is_served_over_http(scene: Scene) -> None:
    class Publishing(Collecting):
        def __init__(self) -> None:
            super().__init__()
            self.publish = {"azimuthal": np.zeros(3)}  # type: ignore[dict-item]

    with Running(scene.reducer(Publishing, http_port=0)) as running:
        url = running.node.http_url

        def get(path: str) -> Any:
            with urllib.request.urlopen(f"{url}{path}", timeout=PATIENCE / 1000) as answer:
                return json.load(answer)

        assert get(f"groups/{get('')['root']}/links")["links"] == []
        scene.begin()
        (link,) = get(f"groups/{get('')['root']}/links")["links"]
        assert link["title"] == "azimuthal"


def test_without_a_port_nothing_is_served(scene: Scene) -> None:
    reducer = scene.reducer(Collecting)
    assert reducer.http_url is None
    reducer.close()


def test_strangers_are_left_out(scene: Scene) -> None:
    with Running(scene.reducer(Collecting)) as running:
        scene.begin()
        stranger = scene.context.socket(zmq.DEALER)
        stranger.connect(scene.a.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))
        for parts in ([b"hello"], [b"GET /", b"", b"x"], [b"\x80", b"\x80"]):
            stranger.send_multipart(parts)
        stranger.send_multipart(message(result(1)))
        ((worker, event, _),) = scene.reduced(1)
        stranger.close()
        assert event == 1
        assert worker not in (A, B)
        scene.a.send(message(result(1)))
        assert scene.reduced(1) == [(A, 1, 0)]
        assert without_bytes(running.node.counts) == ReducerCounts(results=2, malformed=3)
