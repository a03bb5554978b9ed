"""Replay: an analysis over captured data in one process, with the events and hooks that it would meet live."""

from __future__ import annotations

import importlib.metadata
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dranspose.analysis import (
    Context,
    Reducer,
    UserCodeError,
    Worker,
    as_class,
    describe_parameters,
    source_messages,
    unpickle,
)
from dranspose.build_metadata import read_build_metadata
from dranspose.capture import CaptureError, CaptureReader, NotACaptureError
from dranspose.dealing import Messages, deal, merge
from dranspose.event import EventData, InternalWorkerMessage, ResultData
from dranspose.parameter_file import ParameterHistory, Values, read_parameter_file
from dranspose.parameters import ParameterStore, typed
from dranspose.protocol import ReducerState, WorkerName, WorkerState
from dranspose.reducer_timer import ReducerTimer
from dranspose.tick import TickClock

if TYPE_CHECKING:
    from dranspose.publish.http import Server

logger = logging.getLogger(__name__)

Shares = list[tuple[int, EventData]]
Damage = CaptureError | UserCodeError


@dataclass(slots=True)
class Tally:
    """What one pass came to; an event that several workers get is one event, with a result from each of them.

    ``damages`` tell which inputs could not be read to their end.
    """

    events: int = 0
    results: int = 0
    failures: int = 0
    seconds: float = 0.0
    damages: list[Damage] = field(default_factory=list)

    def __str__(self) -> str:
        rate = self.events / self.seconds if self.seconds else 0.0
        counts = f"{self.events} events, {self.results} results, {self.failures} failures"
        return f"{counts} in {self.seconds:.3f} s ({rate:.0f} events/s)"


class _ParameterChanges:
    """Changes of parameters in the middle of scans: each is put in force when its event is reached.

    Raises ParameterError if a value does not fit its parameter.
    """

    def __init__(self, changes: Mapping[int, Values], parameters: ParameterStore) -> None:
        self._parameters = parameters
        self._changes = sorted(changes.items())
        self._due = deque(self._changes)
        self._event = 0
        self._first: Values = {}
        for values in changes.values():
            for name, data in values.items():
                typed(parameters.descriptions, name, data)
                if name in parameters.version.values:
                    self._first[name] = parameters.get(name)

    def begin(self) -> None:
        """Put the values in force that a scan begins with."""
        self._set(self._first)
        self._due = deque(self._changes)

    def reach(self, event: int) -> None:
        """Put the values in force that this event has."""
        if event < self._event:
            self.begin()  # numbers begin again: another scan
        self._event = event
        while self._due and self._due[0][0] <= event:
            self._set(self._due.popleft()[1])

    def _set(self, values: Values) -> None:
        for name, data in values.items():
            self._parameters.set(name, data)


class _Scan:
    """One pass: instances of the classes, and what they made of the events so far."""

    def __init__(
        self,
        workers: Sequence[Worker],
        reducer: Reducer,
        parameters: ParameterStore,
        changes: _ParameterChanges,
        *,
        keep_going: bool,
    ) -> None:
        self.tally = Tally()
        self.workers = workers
        self.reducer = reducer
        self._parameters = parameters
        self._changes = changes
        self._keep_going = keep_going
        self._clock = TickClock()
        self._timer = ReducerTimer(reducer, lambda: parameters.version.values, self._timer_failed)
        self._timer_failure: UserCodeError | None = None

    def run(self, events: Iterable[Shares]) -> None:
        """Process all events, with the reducer's timer beside, and finish the scan; raises UserCodeError."""
        started = time.perf_counter()
        self._timer.start()
        try:
            for shares in events:
                self.tally.events += 1
                self._changes.reach(shares[0][1].event_number)
                for worker, event in shares:
                    try:
                        self._process(worker, event)
                    except UserCodeError as error:
                        self._tolerate(error)
                if self._timer_failure is not None:
                    break
        finally:
            self._timer.stop()
        if self._timer_failure is not None:
            raise self._timer_failure
        for node in (*self.workers, self.reducer):
            try:
                node.finish(self._parameters.version.values)
            except UserCodeError as error:
                self._tolerate(error)
        self.tally.seconds = time.perf_counter() - started

    def _process(self, number: int, event: EventData) -> None:
        worker, parameters = self.workers[number], self._parameters.version
        interval = worker.tick_interval(parameters.values)
        tick = interval is not None and self._clock.ticks(time.monotonic(), interval)
        pickles = worker.process_event(event, parameters.values, tick=tick)
        if pickles is not None:
            payload = unpickle(pickles, event.event_number)
            result = ResultData(event.event_number, worker.name, parameters.hash, payload)
            self.reducer.process_result(result, parameters.values)
            self.tally.results += 1

    def _timer_failed(self, error: UserCodeError) -> bool:
        if not self._keep_going:
            self._timer_failure = error
            return False
        self._count(error)
        return True

    def _tolerate(self, error: UserCodeError) -> None:
        if not self._keep_going:
            raise error
        self._count(error)

    def _count(self, error: UserCodeError) -> None:
        self.tally.failures += 1
        _log(error)


def _log(error: UserCodeError) -> None:
    logger.error("%s\n%s", error, error.user_traceback())


class Replay:
    """An analysis and what it is replayed over; a context manager, which calls ``close`` of the classes at its end.

    Instances of the classes are made anew for each `play`; their contexts live as long as the replay.

    Args:
        worker_class: the Worker class, or its path ``package.module:Class``.
        reducer_class: the Reducer class, or its path.
        captures: files to replay.
        source: a class, or its path, whose ``get_source_generators()`` returns iterators of `InternalWorkerMessage`.
        parameters: values of parameters, and how they change in the middle of scans.
        nworkers: how many instances of the Worker class the events are dealt out to.
        broadcast: give the start and end packets to every worker.
        latency: seconds to wait before each event.
        keep_going: count failures of the user's code and go on; else the first one ends the replay.

    Raises:
        AnalysisError: a class cannot be used.
        UserCodeError: a module cannot be imported, or ``describe_parameters`` fails.
        ParameterError: a value does not fit its parameter.
        ValueError: there is nothing to replay, or no worker.
    """

    def __init__(
        self,
        worker_class: str | type,
        reducer_class: str | type,
        *,
        captures: Sequence[Path] = (),
        source: str | type | None = None,
        parameters: ParameterHistory | None = None,
        nworkers: int = 2,
        broadcast: bool = True,
        latency: float = 0.0,
        keep_going: bool = False,
    ) -> None:
        if not captures and source is None:
            raise ValueError("there is nothing to replay: give capture files or a source class")
        if nworkers < 1:
            raise ValueError(f"{nworkers} workers cannot replay anything: give at least 1")
        self._worker_class = as_class(worker_class)
        self._reducer_class = as_class(reducer_class)
        self._source_class = None if source is None else as_class(source)
        self._captures = captures
        self._readers: list[CaptureReader] = []
        descriptions = describe_parameters(self._worker_class, self._reducer_class)
        history = parameters or ParameterHistory()
        self.parameters = ParameterStore(descriptions, history.values)
        self._changes = _ParameterChanges(history.changes, self.parameters)
        self._broadcast = broadcast
        self._latency = latency
        self._keep_going = keep_going
        self._worker_contexts: list[Context] = [{} for _ in range(nworkers)]
        self._reducer_context: Context = {}
        self._scan: _Scan | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._scan is None:
            return
        first_failure: UserCodeError | None = None
        nodes = (*self._scan.workers, self._scan.reducer)
        for node, context in zip(nodes, (*self._worker_contexts, self._reducer_context), strict=True):
            try:
                node.close(context)
            except UserCodeError as error:
                _log(error)
                first_failure = first_failure or error
        if first_failure is not None and kind is None:
            raise first_failure

    def published(self) -> tuple[Mapping[Any, Any], AbstractContextManager[object] | None]:
        """Return what the reducer publishes at present, and the lock to hold while reading it."""
        return ({}, None) if self._scan is None else (self._scan.reducer.publish, self._scan.reducer.publish_rlock)

    @property
    def size(self) -> int:
        """How many bytes the captures have."""
        return sum(path.stat().st_size for path in self._captures)

    @property
    def position(self) -> int:
        """How many of these bytes have been read in this pass."""
        return sum(reader.position for reader in self._readers)

    def play(self, stop: threading.Event | None = None, on_event: Callable[[], None] = lambda: None) -> Tally:
        """Replay everything once, to its end or until `stop` is set, and finish the scan.

        Raises:
            AnalysisError: a class lacks a hook, or a hook requires what it does not get.
            UserCodeError: the user's code failed.
            NotACaptureError: a file is not a capture; nothing was replayed.
            JoinError: two inputs have the same stream.
            OSError: a file cannot be opened.
        """
        damages: list[Damage] = []
        with ExitStack() as open_files:
            self._readers = [open_files.enter_context(closing(CaptureReader(path))) for path in self._captures]
            inputs: list[Iterable[InternalWorkerMessage]] = [*self._readers]
            if self._source_class is not None:
                inputs += source_messages(self._source_class)
            events = merge(_up_to_damage(messages, damages) for messages in inputs)
            first = list(itertools.islice(events, 1))  # a file that is no capture is known before the user's code runs
            self._scan = self._new_scan()
            shares = deal(itertools.chain(first, events), len(self._worker_contexts), broadcast=self._broadcast)
            self._scan.run(_paced(shares, stop or threading.Event(), self._latency, on_event))
        self._scan.tally.damages += damages
        return self._scan.tally

    def _new_scan(self) -> _Scan:
        version = importlib.metadata.version("tangods-dranspose")
        build = read_build_metadata()
        self._changes.begin()
        values = self.parameters.version.values
        workers = []
        for number, context in enumerate(self._worker_contexts):
            state = WorkerState(WorkerName(f"replay-worker-{number}"), version, mapreduce_version=build)
            workers.append(Worker(self._worker_class, values, context, state))
        reducer_state = ReducerState("reducer", version, mapreduce_version=build)
        reducer = Reducer(self._reducer_class, values, self._reducer_context, reducer_state)
        return _Scan(workers, reducer, self.parameters, self._changes, keep_going=self._keep_going)


def _up_to_damage(messages: Iterable[InternalWorkerMessage], damages: list[Damage]) -> Messages:
    try:
        yield from messages
    except NotACaptureError:
        raise
    except (CaptureError, UserCodeError) as error:
        damages.append(error)


def _paced(
    shares: Iterable[Shares], stop: threading.Event, latency: float, on_event: Callable[[], None]
) -> Iterator[Shares]:
    """Yield what is given until `stop` is set, each after `latency` seconds; call `on_event` when it has been used."""
    for share in shares:
        if stop.is_set() or (latency and stop.wait(latency)):
            return
        yield share
        on_event()


def replay(
    wclass: str | type,
    rclass: str | type,
    zmq_files: Sequence[str | Path] | None = None,
    source: str | type | None = None,
    parameter_file: str | Path | None = None,
    port: int | None = None,
    stop_event: threading.Event | None = None,
    nworkers: int = 2,
    broadcast_first: bool = True,
    done_event: threading.Event | None = None,
    start_event: threading.Event | None = None,
    latency: float | None = None,
    *,
    loop: bool = False,
    keep_going: bool = False,
) -> Tally:
    """Replay an analysis, for tests of it; it blocks, so a test that looks at published results runs it in a thread.

    Args:
        wclass: the Worker class, or its path ``package.module:Class``.
        rclass: the Reducer class, or its path.
        zmq_files: captures.
        source: a class, or its path, whose ``get_source_generators()`` returns iterators of `InternalWorkerMessage`.
        parameter_file: values of parameters, see `read_parameter_file`.
        port: serve what the reducer publishes, and the parameters, over HTTP on this port of the local host.
        stop_event: ends the replay when it is set; with a port, the results are served until then.
        nworkers: how many instances of the Worker class the events are dealt out to.
        broadcast_first: give the start and end packets to every worker.
        done_event: set when the scan is finished, or has failed.
        start_event: waited for before the first event, when the results are served already.
        latency: seconds to wait before each event.
        loop: replay again and again until `stop_event` is set.
        keep_going: count failures of the user's code and go on.

    Returns:
        The counts of the (last) pass.

    Raises:
        AnalysisError, ParameterError, ValueError, NotACaptureError, UserCodeError, JoinError, OSError: as `Replay` and
            `Replay.play`.
        CaptureError: a capture is cut off or damaged; what comes before was replayed, and the scan finished, as also
            before the UserCodeError of a source.
    """
    stop = stop_event or threading.Event()
    try:
        with ExitStack() as stack:
            session = stack.enter_context(
                Replay(
                    wclass,
                    rclass,
                    captures=[Path(path) for path in zmq_files or ()],
                    source=source,
                    parameters=read_parameter_file(Path(parameter_file)) if parameter_file else None,
                    nworkers=nworkers,
                    broadcast=broadcast_first,
                    latency=latency or 0.0,
                    keep_going=keep_going,
                )
            )
            if port is not None:
                stack.enter_context(serve(session, port))
            if start_event is not None:
                start_event.wait()
            tally = session.play(stop)
            while loop and not stop.is_set():
                tally = session.play(stop)
            if done_event is not None:
                done_event.set()
            if port is not None and stop_event is not None:
                stop_event.wait()
    finally:
        if done_event is not None:
            done_event.set()
    if tally.damages:
        raise tally.damages[0]
    return tally


def serve(session: Replay, port: int) -> Server:
    """Serve what a replay's reducer publishes, and its parameters, over HTTP on the local host; raises OSError."""
    from dranspose.publish.http import Server  # only a replay that serves needs to load a web server

    return Server(session.published, parameters=session.parameters, port=port)
