"""A replay calls the hooks as a live scan would, says what went wrong and where, and loses nothing else."""

from __future__ import annotations

import gzip
import importlib.metadata
import itertools
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5pyd
import httpx
import numpy as np
import pytest
from tests.core.conftest import WriteModule
from tests.core.stins_messages import image, series, start, write_capture

from dranspose.analysis import AnalysisError, UserCodeError
from dranspose.capture import CaptureError, NotACaptureError
from dranspose.event import EventData, InternalWorkerMessage, JoinError, ResultData
from dranspose.parameter_file import ParameterHistory
from dranspose.parameters import IntParameter, ParameterError
from dranspose.protocol import BuildMetadata, ParameterName, ReducerState, WorkerState
from dranspose.replay import Replay, Tally, replay

TIMEOUT = 10  # seconds; only a test that fails ever waits for so long


class Log:
    """Worker and Reducer classes that tell here what is called."""

    def __init__(self) -> None:
        calls = self.calls = list[Any]()
        passes = self.passes = list[int]()

        class Worker:
            def __init__(self, state: WorkerState, context: dict[str, int]) -> None:
                self.name = f"w{state.name.removeprefix('replay-worker-')}"
                context["instances"] = context.get("instances", 0) + 1
                calls.append(f"init {self.name}")

            def process_event(self, event: EventData) -> int:
                calls.append(f"event {event.event_number} {self.name}")
                return event.event_number

            def finish(self) -> None:
                calls.append(f"finish {self.name}")

            def close(self, context: dict[str, int]) -> None:
                calls.append(f"close {self.name}")
                passes.append(context["instances"])

        class Reducer:
            def __init__(self, context: dict[str, int]) -> None:
                context["instances"] = context.get("instances", 0) + 1
                calls.append("init r")

            def process_result(self, result: ResultData) -> None:
                calls.append(f"result {result.event_number} w{result.worker.removeprefix('replay-worker-')}")

            def finish(self) -> None:
                calls.append("finish r")

            def close(self, context: dict[str, int]) -> None:
                calls.append("close r")
                passes.append(context["instances"])

        self.worker, self.reducer = Worker, Reducer

    def of(self, kind: str) -> list[str]:
        """Return the calls of one kind."""
        return [call for call in self.calls if call.startswith(f"{kind} ")]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a capture of a start, two images and an end."""
    return write_capture(tmp_path / "xrd.cbors", series(2))


def source_of(*inputs: Callable[[], Iterator[InternalWorkerMessage]]) -> type:
    return type("Source", (), {"get_source_generators": lambda self: [make() for make in inputs]})


# --- the order of things


def test_hooks_are_called_as_in_a_scan(log: Log, capture: Path) -> None:
    tally = replay(log.worker, log.reducer, [capture])
    assert log.calls == [
        *("init w0", "init w1", "init r"),
        *("event 0 w0", "result 0 w0", "event 0 w1", "result 0 w1"),
        *("event 1 w0", "result 1 w0"),
        *("event 2 w1", "result 2 w1"),
        *("event 3 w0", "result 3 w0", "event 3 w1", "result 3 w1"),
        *("finish w0", "finish w1", "finish r"),
        *("close w0", "close w1", "close r"),
    ]
    assert (tally.events, tally.results, tally.failures, tally.damages) == (4, 6, 0, [])


def test_contexts_survive_passes_and_are_closed_once(log: Log, capture: Path) -> None:
    with Replay(log.worker, log.reducer, captures=[capture]) as session:
        for _ in range(3):
            session.play()
    assert log.of("close") == ["close w0", "close w1", "close r"]
    assert log.passes == [3, 3, 3]
    assert len(log.of("finish")) == 9


def closing_badly(worker: type) -> type:
    def close(self: Any, context: dict[str, int]) -> None:
        worker.close(self, context)
        raise OSError("the socket is gone")

    return type("Worker", (worker,), {"close": close})


def test_a_close_that_fails_leaves_no_other_one_out(log: Log, capture: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UserCodeError, match=r"close of .*Worker failed"):
        replay(closing_badly(log.worker), log.reducer, [capture])
    assert log.of("close") == ["close w0", "close w1", "close r"]
    assert caplog.text.count("OSError: the socket is gone") == 2


def test_a_close_that_fails_does_not_hide_why_the_replay_failed(log: Log, capture: Path) -> None:
    class Worker(closing_badly(log.worker)):
        def process_event(self, event: EventData) -> None:
            raise ValueError

    with pytest.raises(UserCodeError, match=r"process_event of .*Worker failed at event 0"):
        replay(Worker, log.reducer, [capture])
    assert log.of("close") == ["close w0", "close w1", "close r"]


def test_a_worker_that_returns_nothing_has_no_results(log: Log, capture: Path) -> None:
    class Worker:
        def process_event(self, event: EventData) -> None: ...

    assert replay(Worker, log.reducer, [capture]).results == 0
    assert log.calls == ["init r", "finish r", "close r"]


@pytest.mark.parametrize(
    ("interval", "marked"), [(float("inf"), ["0 w0"]), (0, ["0 w0", "0 w1", "1 w0", "2 w1", "3 w0", "3 w1"])]
)
def test_one_clock_ticks_for_all_workers(interval: float, marked: list[str], log: Log, capture: Path) -> None:
    ticks = []

    class Worker(log.worker):
        def get_tick_interval(self, parameters: Any) -> float:
            return interval

        def process_event(self, event: EventData, parameters: Any, tick: bool) -> None:
            if tick:
                ticks.append(f"{event.event_number} {self.name}")

    replay(Worker, log.reducer, [capture])
    assert ticks == marked


def test_the_state_tells_names_and_versions(
    log: Log, capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = {"commit_hash": "c0ffee", "branch_name": "main", "timestamp": "2024", "repository_url": "https://git"}
    (tmp_path / "build.json").write_text(json.dumps(build))
    monkeypatch.setenv("BUILD_META_FILE", str(tmp_path / "build.json"))
    states = []

    class Worker(log.worker):
        def __init__(self, state: WorkerState, context: Any) -> None:
            super().__init__(state, context)
            states.append(state)

    class Reducer(log.reducer):
        def __init__(self, state: ReducerState, context: Any) -> None:
            super().__init__(context)
            states.append(state)

    replay(Worker, Reducer, [capture], nworkers=3)
    assert [state.name for state in states] == ["replay-worker-0", "replay-worker-1", "replay-worker-2", "reducer"]
    assert {state.dranspose_version for state in states} == {importlib.metadata.version("tangods-dranspose")}
    assert {state.mapreduce_version for state in states} == {BuildMetadata(**build)}


# --- the timer of the reducer


class Timed:
    """A reducer class with a timer, and an input that waits until the timer was called `calls` times."""

    def __init__(self, timer: Callable[..., Any], calls: int = 1) -> None:
        enough = threading.Event()
        called = self.called = list[Any]()

        class Reducer:
            def process_result(self, result: ResultData) -> None: ...

            def timer(self, parameters: Any) -> Any:
                called.append(parameters)
                if len(called) >= calls:
                    enough.set()
                return timer(parameters)

        def messages() -> Iterator[InternalWorkerMessage]:
            yield from series(0)
            assert enough.wait(TIMEOUT)
            yield image(2)

        self.reducer, self.source = Reducer, source_of(messages)


def test_the_timer_is_called_again_and_again(log: Log) -> None:
    timed = Timed(lambda parameters: 0.001, calls=3)
    assert replay(log.worker, timed.reducer, source=timed.source).events == 3
    assert len(timed.called) >= 3


@pytest.mark.parametrize("seconds", [float("inf"), 1e300])
def test_a_timer_may_ask_never_to_be_called_again(seconds: float, log: Log) -> None:
    timed = Timed(lambda parameters: seconds)
    assert replay(log.worker, timed.reducer, source=timed.source).failures == 0
    assert len(timed.called) == 1


def test_a_timer_needs_no_parameters(log: Log) -> None:
    called = threading.Event()

    class Reducer(log.reducer):
        def timer(self) -> float:
            called.set()
            return 1

    def messages() -> Iterator[InternalWorkerMessage]:
        yield from series(0)
        assert called.wait(TIMEOUT)
        yield image(2)

    assert replay(log.worker, Reducer, source=source_of(messages)).events == 3


@pytest.mark.parametrize(
    ("timer", "text"), [(lambda _: 1 / 0, "failed"), (lambda _: None, "returned None, which is no")]
)
def test_a_timer_that_fails_stops_the_replay(timer: Callable[..., Any], text: str, log: Log) -> None:
    timed = Timed(timer)
    with pytest.raises(UserCodeError, match=rf"timer of .*Reducer {text}"):
        replay(log.worker, timed.reducer, source=timed.source)
    assert log.of("finish") == []


def test_a_timer_that_fails_stops_the_replay_after_the_event_in_hand(log: Log) -> None:
    def messages() -> Iterator[InternalWorkerMessage]:
        yield from series(0)
        for thread in threading.enumerate():
            if thread.name == "reducer timer":
                thread.join(TIMEOUT)
        yield from (image(number) for number in range(2, 9))

    class Reducer(log.reducer):
        def timer(self) -> float:
            raise ValueError

    with pytest.raises(UserCodeError, match=r"timer of .*Reducer failed"):
        replay(log.worker, Reducer, source=source_of(messages))
    assert len(log.of("event")) < 9


def test_a_timer_that_fails_after_the_last_event_is_no_less_a_failure(log: Log, capture: Path) -> None:
    last = threading.Event()

    class Reducer(log.reducer):
        def timer(self) -> float:
            assert last.wait(TIMEOUT)
            raise ValueError

    with Replay(log.worker, Reducer, captures=[capture]) as session:
        events = itertools.count(1)
        with pytest.raises(UserCodeError, match=r"timer of .*Reducer failed"):
            session.play(on_event=lambda: last.set() if next(events) == 4 else None)
    assert len(log.of("event")) == 6


def test_a_timer_that_fails_is_counted_when_the_replay_is_to_go_on(log: Log) -> None:
    timed = Timed(lambda _: 1 / 0)
    tally = replay(log.worker, timed.reducer, source=timed.source, keep_going=True)
    assert (tally.events, tally.failures) == (3, 1)


def test_the_timer_prints_numbers_as_the_main_thread_does(log: Log) -> None:
    printed = []
    timed = Timed(lambda _: printed.append(repr(np.float64(9.25))) or 1)
    with np.printoptions(legacy="1.25"):
        replay(log.worker, timed.reducer, source=timed.source)
    assert printed == ["9.25"]


# --- parameters


class Described:
    """Classes with the parameter till_x; `seen` is what they got for its value."""

    def __init__(self) -> None:
        seen = self.seen = list[Any]()

        class Worker:
            @staticmethod
            def describe_parameters() -> list[IntParameter]:
                return [IntParameter(name="till_x", default=2)]

            def __init__(self, parameters: Any) -> None:
                seen.append(parameters["till_x"].value)

            def process_event(self, event: EventData, parameters: Any) -> Any:
                return parameters["till_x"].value

        class Reducer:
            def process_result(self, result: ResultData, parameters: Any) -> None:
                seen.append((result.payload, parameters["till_x"].value))

            def finish(self, *, parameters: Any) -> None:
                seen.append(parameters["till_x"].value)

        self.worker, self.reducer = Worker, Reducer


def test_hooks_get_the_defaults_of_described_parameters(capture: Path) -> None:
    described = Described()
    replay(described.worker, described.reducer, [capture], nworkers=1)
    assert described.seen == [2, (2, 2), (2, 2), (2, 2), (2, 2), 2]


def test_hooks_get_the_values_of_a_parameter_file(capture: Path, tmp_path: Path) -> None:
    described = Described()
    file = tmp_path / "parameters.json"
    file.write_text('[{"name": "till_x", "data": "3"}]')
    replay(described.worker, described.reducer, [capture], parameter_file=str(file), nworkers=1)
    assert described.seen == [3, (3, 3), (3, 3), (3, 3), (3, 3), 3]


def test_a_value_of_another_type_is_refused_before_anything_is_replayed(capture: Path, tmp_path: Path) -> None:
    described = Described()
    file = tmp_path / "parameters.json"
    file.write_text('[{"name": "till_x", "data": "three"}]')
    with pytest.raises(ParameterError, match=r"'till_x'.*three.*is not int"):
        replay(described.worker, described.reducer, [capture], parameter_file=file)
    assert described.seen == []


def test_a_parameter_file_may_change_values_in_the_middle(capture: Path, tmp_path: Path) -> None:
    described = Described()
    file = tmp_path / "parameters.json"
    file.write_text(
        '[{"name": "till_x", "data": "3"}, {"name": "till_x", "data": "5", "from_event": 3},'
        ' {"name": "till_x", "data": "4", "from_event": 1}, {"name": "till_x", "data": "6", "from_event": 9}]'
    )
    replay(described.worker, described.reducer, [capture], parameter_file=str(file), nworkers=1)
    assert described.seen == [3, (3, 3), (4, 4), (4, 4), (5, 5), 5]


def test_each_scan_and_each_pass_begins_with_the_first_values(capture: Path, tmp_path: Path) -> None:
    described = Described()
    twice = tmp_path / "twice.cbors"
    twice.write_bytes(2 * capture.read_bytes())
    history = ParameterHistory({}, {2: {ParameterName("till_x"): b"5"}})
    with Replay(described.worker, described.reducer, captures=[twice], parameters=history, nworkers=1) as session:
        session.play()
        scan = [(2, 2), (2, 2), (5, 5), (5, 5)]
        assert described.seen == [2, *scan, *scan, 5]
        described.seen.clear()
        session.play()
        assert described.seen == [2, *scan, *scan, 5]


def test_a_change_to_another_type_is_refused_before_anything_is_replayed(capture: Path) -> None:
    described = Described()
    history = ParameterHistory({}, {2: {ParameterName("till_x"): b"three"}})
    with pytest.raises(ParameterError, match=r"'till_x'.*three.*is not int"):
        Replay(described.worker, described.reducer, captures=[capture], parameters=history)


def test_results_carry_the_hash_of_the_parameters_they_were_made_with(log: Log, capture: Path) -> None:
    hashes = []

    class Reducer(log.reducer):
        def process_result(self, result: ResultData) -> None:
            hashes.append(result.parameters_hash)
            session.parameters.set("limit", b"%d" % result.event_number)

    with Replay(log.worker, Reducer, captures=[capture], nworkers=1) as session:
        before = session.parameters.version.hash
        session.play()
        after = session.parameters.version.hash
    assert hashes[0] == before
    assert len({*hashes, after}) == 5


# --- the arguments of replay


def test_files_may_be_compressed_and_are_merged_by_event(log: Log, tmp_path: Path, capture: Path) -> None:
    packed = tmp_path / "pcap.cbors.gz"
    packed.write_bytes(gzip.compress(write_capture(tmp_path / "pcap.cbors", series(3, "pcap")).read_bytes()))
    streams = []

    class Worker(log.worker):
        def process_event(self, event: EventData) -> None:
            streams.append((event.event_number, sorted(event.streams)))

    assert replay(Worker, log.reducer, [str(capture), packed], nworkers=1).events == 5
    both = ["pcap", "xrd"]
    assert streams == [(0, both), (1, both), (2, both), (3, both), (4, ["pcap"])]


def test_classes_and_source_may_be_paths(write_module: WriteModule, capture: Path) -> None:
    write_module("src/worker.py", "class TestWorker:\n    def process_event(self, event): return 1\n")
    write_module("src/reducer.py", "class TestReducer:\n    def process_result(self, result): pass\n")
    write_module(
        "src/source.py",
        """
        from dranspose.event import InternalWorkerMessage, StreamData

        class Source:
            def messages(self):
                for number in range(3):
                    xrd = StreamData("STINS", ['{"htype": "image"}', b""])
                    yield InternalWorkerMessage(event_number=number, streams={"xrd": xrd})

            def get_source_generators(self):
                return [self.messages()]
        """,
    )
    assert replay("src.worker:TestWorker", "src.reducer:TestReducer", [capture]).results == 6
    assert replay("src.worker:TestWorker", "src.reducer:TestReducer", source="src.source:Source").results == 4


def test_every_worker_takes_its_turn(log: Log, capture: Path) -> None:
    replay(log.worker, log.reducer, [capture], nworkers=4)
    assert [call for call in log.of("event") if call[6] in "12"] == ["event 1 w0", "event 2 w1"]
    assert len(log.of("event")) == 10


def test_packets_are_for_one_worker_without_broadcast(log: Log, capture: Path) -> None:
    assert replay(log.worker, log.reducer, [capture], broadcast_first=False).results == 4
    assert log.of("event") == ["event 0 w0", "event 1 w1", "event 2 w0", "event 3 w1"]


def test_there_must_be_something_to_replay_and_someone_to_do_it(log: Log, capture: Path) -> None:
    with pytest.raises(ValueError, match="there is nothing to replay: give capture files or a source class"):
        replay(log.worker, log.reducer)
    with pytest.raises(ValueError, match="0 workers cannot replay anything"):
        replay(log.worker, log.reducer, [capture], nworkers=0)


def test_each_event_waits_for_the_latency(log: Log, capture: Path) -> None:
    waited = []

    class NeverStopped(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            return False

    assert replay(log.worker, log.reducer, [capture], latency=0.25, stop_event=NeverStopped()).events == 4
    assert waited == [0.25] * 4


def test_a_stop_ends_the_scan_early_and_finishes_it(log: Log, capture: Path) -> None:
    stop = threading.Event()

    class Reducer(log.reducer):
        def process_result(self, result: ResultData) -> None:
            if result.event_number == 1:
                stop.set()

    assert replay(log.worker, Reducer, [capture], stop_event=stop, latency=1e-6).events == 2
    assert log.of("finish") == ["finish w0", "finish w1", "finish r"]


def test_a_loop_replays_until_it_is_stopped(log: Log, capture: Path) -> None:
    stop = threading.Event()

    class Reducer(log.reducer):
        def finish(self) -> None:
            super().finish()
            if len(log.of("finish")) == 9:
                stop.set()

    tally = replay(log.worker, Reducer, [capture], stop_event=stop, loop=True)
    assert tally.events == 4
    assert len(log.of("event")) == 18
    assert log.passes == [3, 3, 3]


def test_done_is_told_when_the_scan_is_finished(log: Log, capture: Path) -> None:
    done = threading.Event()
    with ThreadPoolExecutor() as threads:
        replaying = threads.submit(replay, log.worker, log.reducer, [capture], done_event=done)
        assert done.wait(TIMEOUT)
        assert "finish r" in log.calls
        assert replaying.result(TIMEOUT).events == 4


def test_done_is_told_when_the_scan_failed(log: Log, tmp_path: Path) -> None:
    done = threading.Event()
    with pytest.raises(FileNotFoundError):
        replay(log.worker, log.reducer, [tmp_path / "missing.cbors"], done_event=done)
    assert done.is_set()


def test_nothing_happens_before_the_start(log: Log) -> None:
    begin, reached = threading.Event(), []

    def messages() -> Iterator[InternalWorkerMessage]:
        reached.append(begin.is_set())
        yield start(0)

    with ThreadPoolExecutor() as threads:
        replaying = threads.submit(replay, log.worker, log.reducer, source=source_of(messages), start_event=begin)
        assert log.calls == []
        begin.set()
        replaying.result(TIMEOUT)
    assert reached == [True]


def test_a_tally_prints_in_one_line() -> None:
    assert str(Tally(9, 8, 1, 0.5)) == "9 events, 8 results, 1 failures in 0.500 s (18 events/s)"
    assert str(Tally()) == "0 events, 0 results, 0 failures in 0.000 s (0 events/s)"


# --- failures


FAILING = """
    def fail():
        raise KeyError("till_y")

    class TestWorker:
        def process_event(self, event):
            return fail() if event.event_number == 1 else event

        def finish(self):
            pass

    class TestReducer:
        def process_result(self, result):
            pass
"""


def first_file(error: UserCodeError) -> str:
    """Return the file of the first line in the user's traceback."""
    found = re.search(r'File "(.*)", line', error.user_traceback())
    assert found
    return found[1]


def test_user_code_that_fails_stops_the_replay(write_module: WriteModule, capture: Path) -> None:
    file = write_module("src/both.py", FAILING)
    with pytest.raises(UserCodeError, match=r"^process_event of src.both:TestWorker failed at event 1$") as caught:
        replay("src.both:TestWorker", "src.both:TestReducer", [capture])
    assert first_file(caught.value) == str(file)
    assert caught.value.user_traceback().endswith("KeyError: 'till_y'\n")


def test_failures_are_counted_and_logged_when_the_replay_is_to_go_on(
    write_module: WriteModule, capture: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_module("src/both.py", FAILING)
    tally = replay("src.both:TestWorker", "src.both:TestReducer", [capture], keep_going=True)
    assert (tally.events, tally.results, tally.failures) == (4, 5, 1)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    shown = record.getMessage()
    assert shown.startswith("process_event of src.both:TestWorker failed at event 1\nTraceback")
    assert re.findall(r'File "(.*)", line', shown) == [str(file), str(file)]


@pytest.mark.parametrize("hook", ["process_result", "finish"])
def test_a_reducer_that_fails_loses_nothing_of_the_other_hooks(hook: str, log: Log, capture: Path) -> None:
    def fail(self: object, *_: object) -> None:
        raise ValueError

    reducer = type("Reducer", (log.reducer,), {hook: fail})
    with pytest.raises(UserCodeError, match=f"{hook} of .*Reducer failed"):
        replay(log.worker, reducer, [capture])
    assert replay(log.worker, reducer, [capture], keep_going=True).failures == (6 if hook == "process_result" else 1)
    assert log.of("finish")[-1] == ("finish r" if hook == "process_result" else "finish w1")


def test_a_class_that_cannot_be_made_stops_the_replay(log: Log, capture: Path) -> None:
    class Reducer(log.reducer):
        def __init__(self) -> None:
            raise RuntimeError

    with pytest.raises(UserCodeError, match=r"^__init__ of .*Reducer failed$"):
        replay(log.worker, Reducer, [capture], keep_going=True)
    assert log.of("event") == []


def test_a_wrong_class_is_known_before_its_first_event(log: Log, capture: Path) -> None:
    with pytest.raises(AnalysisError, match=r"Reducer has no process_event\(event, parameters\)"):
        replay(log.reducer, log.reducer, [capture])


class Unloadable:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def local() -> object:
    class Local:
        pass

    return Local()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: lambda: None, "process_event of .*Worker returned what cannot be pickled, a function, at event 0"),
        (local, r"process_event of .*Worker returned what cannot be pickled, a .*\.local\.<locals>\.Local, at event 0"),
        (Unloadable, "the result of process_event cannot be unpickled at event 0"),
    ],
)
def test_a_result_that_does_not_travel_is_a_failure(
    make: Callable[[], object], text: str, log: Log, capture: Path
) -> None:
    class Worker(log.worker):
        def process_event(self, event: EventData) -> object:
            return make() if event.event_number == 0 else None

    with pytest.raises(UserCodeError, match=f"^{text}$"):
        replay(Worker, log.reducer, [capture])
    tally = replay(Worker, log.reducer, [capture], keep_going=True)
    assert (tally.results, tally.failures) == (0, 2)


# --- inputs that are not whole


def test_a_cut_capture_is_replayed_up_to_the_cut(log: Log, capture: Path) -> None:
    whole = capture.read_bytes()
    capture.write_bytes(whole[:-1])
    with pytest.raises(CaptureError, match=r"xrd.cbors is cut off in the record at byte \d+") as caught:
        replay(log.worker, log.reducer, [capture])
    assert whole[: caught.value.offset] == write_capture(capture, series(2)[:-1]).read_bytes()
    assert log.of("event") == ["event 0 w0", "event 0 w1", "event 1 w0", "event 2 w1"]
    assert log.of("finish") == ["finish w0", "finish w1", "finish r"]


def test_a_cut_capture_holds_up_no_other_one(log: Log, capture: Path, tmp_path: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-1])
    other = write_capture(tmp_path / "pcap.cbors", series(5, "pcap"))
    with Replay(log.worker, log.reducer, captures=[capture, other]) as session:
        tally = session.play()
    assert tally.events == 7
    assert [type(damage) for damage in tally.damages] == [CaptureError]


def test_what_is_no_capture_stops_the_replay_before_it_begins(log: Log, capture: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a capture")
    with pytest.raises(NotACaptureError, match=r"notes.txt is not a capture"):
        replay(log.worker, log.reducer, [capture, tmp_path / "notes.txt"])
    assert log.calls == []


def test_one_stream_in_two_files_is_an_error(log: Log, capture: Path) -> None:
    with pytest.raises(JoinError, match="event 0: stream 'xrd' comes from two inputs"):
        replay(log.worker, log.reducer, [capture, capture])
    assert log.calls == []


def test_a_source_that_fails_is_replayed_up_to_there(write_module: WriteModule, log: Log) -> None:
    file = write_module(
        "src/source.py",
        """
        from tests.core.stins_messages import image, start

        class Source:
            def get_source_generators(self):
                yield self.messages()

            def messages(self):
                yield start(0)
                yield image(1)
                raise RuntimeError("no more")
        """,
    )
    with pytest.raises(UserCodeError, match=r"^the source src.source:Source failed$") as caught:
        replay(log.worker, log.reducer, source="src.source:Source")
    assert first_file(caught.value) == str(file)
    assert caught.value.user_traceback().endswith("RuntimeError: no more\n")
    assert log.of("event") == ["event 0 w0", "event 0 w1", "event 1 w0"]
    assert log.of("finish") == ["finish w0", "finish w1", "finish r"]


def test_the_position_goes_from_nothing_to_the_size_of_the_captures(log: Log, tmp_path: Path) -> None:
    files = [write_capture(tmp_path / name, series(500, name)) for name in ("a", "b")]
    positions = []
    with Replay(log.worker, log.reducer, captures=files) as session:
        positions.append(session.position)
        session.play(on_event=lambda: positions.append(session.position))
    assert positions == sorted(positions)
    assert (positions[0], positions[-1]) == (0, session.size)
    assert session.size == sum(file.stat().st_size for file in files)
    assert len(positions) == 503
    assert len(set(positions)) > 3


# --- what a replay serves


@pytest.fixture
def port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Published:
    """Classes of which the reducer publishes the numbers of events and the parameter till_x."""

    class Worker:
        @staticmethod
        def describe_parameters() -> list[IntParameter]:
            return [IntParameter(name="till_x", default=2)]

        def process_event(self, event: EventData) -> int:
            return event.event_number

    class Reducer:
        def __init__(self, parameters: Any) -> None:
            self.publish_rlock = threading.RLock()
            self.publish: dict[str, Any] = {"events": [], "map": {"till_x": parameters["till_x"].value}}

        def process_result(self, result: ResultData, parameters: Any) -> None:
            with self.publish_rlock:
                self.publish["events"].append(result.event_number)
                self.publish["map"]["till_x"] = parameters["till_x"].value


def test_results_are_served_until_the_stop(port: int, capture: Path) -> None:
    stop, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor() as threads:
        replaying = threads.submit(
            replay, Published.Worker, Published.Reducer, [capture], port=port, stop_event=stop, done_event=done
        )
        try:
            assert done.wait(TIMEOUT)
            with h5pyd.File("/", "r", endpoint=f"http://localhost:{port}", retries=0) as published:
                assert published["events"][:].tolist() == [0, 0, 1, 2, 3, 3]
                assert published["map/till_x"][()] == 2
        finally:
            stop.set()
        assert replaying.result(TIMEOUT).results == 6
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), TIMEOUT)


def test_results_are_served_before_the_start_and_parameters_can_be_set(port: int, capture: Path) -> None:
    begin, stop, done = threading.Event(), threading.Event(), threading.Event()
    with ThreadPoolExecutor() as threads:
        replaying = threads.submit(
            replay,
            Published.Worker,
            Published.Reducer,
            [capture],
            port=port,
            stop_event=stop,
            done_event=done,
            start_event=begin,
        )
        try:
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8))
            with client:
                assert client.get("/api/v1/parameter/till_x").content == b"2"
                assert client.post("/api/v1/parameter/till_x", content=b"3").status_code == 200
                refused = client.post("/api/v1/parameter/till_x", content=b"three")
                assert (refused.status_code, "is not int" in refused.text) == (400, True)
                begin.set()
                assert done.wait(TIMEOUT)
                assert client.get("/api/v1/parameter/till_x").content == b"3"
            with h5pyd.File("/", "r", endpoint=f"http://localhost:{port}", retries=0) as published:
                assert published["map/till_x"][()] == 3
        finally:
            begin.set()
            stop.set()
        replaying.result(TIMEOUT)


def test_a_port_that_is_taken_is_an_error(log: Log, capture: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match=r"in use"):
        replay(log.worker, log.reducer, [capture], port=taken.getsockname()[1])
    assert log.calls == []
