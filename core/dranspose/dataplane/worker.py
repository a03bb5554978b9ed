"""The worker: joins frames to events, calls the user's Worker class, and sends what it returns to the reducer."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import zmq

from dranspose import analysis
from dranspose.analysis import UserCodeError
from dranspose.dataplane.analysis_node import REPORT_DELAY, AnalysisNode
from dranspose.dataplane.joining import Joiner, Part
from dranspose.dataplane.keys import Keys
from dranspose.dataplane.messages import Done, Message, Peers, TickInterval, WorkerHello, encode
from dranspose.dataplane.node import OUT_OF_TOUCH
from dranspose.dataplane.sockets import LIVENESS, connected, disconnect, has_broken, nearest
from dranspose.dataplane.statistics import Activity, WorkerCounts, WorkerStatistics
from dranspose.dataplane.wire import PickledResult, Results, WireError, decode_shares, encode_results
from dranspose.intervals import ranges_of
from dranspose.multipart import arrived, send
from dranspose.parameters import ParameterVersion
from dranspose.protocol import GENERIC_TAG, WorkerName, WorkerState, WorkerTag
from dranspose.scheduling.instructions import FinishWorkers, Proceed, Window
from dranspose.scheduling.stimuli import Finished, Outcome, Started, WorkerFinished
from dranspose.triggermap import TriggerMap

logger = logging.getLogger(__name__)

URGENT_REPORT_DELAY = 0.001
"""Seconds without work before a report when half of the window is used up: the worker may get no more before it.

Not at once, since what a report wakes is not to slow down the results that it tells of.
"""


@dataclass(slots=True)
class _Outcomes:
    """The events of one attempt that were processed since the last report."""

    none: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def items(self) -> Iterator[tuple[Outcome, list[int]]]:
        """Yield those that there are, by their outcome."""
        if self.none:
            yield Outcome.NONE, self.none
        if self.results:
            yield Outcome.RESULT, self.results
        if self.failed:
            yield Outcome.FAILED, self.failed


class Worker(AnalysisNode):
    """A worker.

    Args:
        name: of the worker, as the user's classes see it.
        controller_url: where the controller is.
        user_class: the Worker class; one that holds nothing of the events it returned None for says so with a class
            attribute ``stateless = True``.
        tags: of the virtual workers that it can be.
        on_change, keys, liveness: as of `Node`.

    Attributes:
        counts: what it has done in the scan in hand, or the last one.

    Raises:
        AnalysisError, UserCodeError, ParameterError: the class does not describe its parameters as it should.
    """

    def __init__(
        self,
        name: str,
        controller_url: str,
        user_class: type,
        tags: Collection[str] = (GENERIC_TAG,),
        on_change: Callable[[], None] | None = None,
        keys: Keys | None = None,
        liveness: float = LIVENESS,
    ) -> None:
        parameters = tuple(analysis.describe_parameters(user_class).values())
        super().__init__(name, controller_url, on_change, keys, liveness)
        self.counts = WorkerCounts()
        self._user_class = user_class
        self._tags = frozenset(WorkerTag(tag) for tag in tags)
        self._uuid = uuid4()
        stateless = getattr(user_class, "stateless", False) is True
        self._hello = WorkerHello(name, tuple(sorted(tags)), stateless, parameters)
        self._ingesters: dict[str, zmq.Socket[bytes]] = {}
        self._reducers: dict[str, zmq.Socket[bytes]] = {}
        self._broken: dict[zmq.Socket[bytes], float] = {}  # connections to them, and since when they are
        self._instance: analysis.Worker | None = None
        self._tick_interval: float | None = None
        self._calls, self._seconds = 0, 0.0  # in the user's code
        self._measured = 0.0  # seconds, of these
        self._seconds_per_call = 0.0
        self._window = 0
        self._version = 0  # of the parameters, the latest one in use
        self._end()
        self._join(self._hello)

    def _make(self, scan: bytes, parameters: ParameterVersion, trigger_map: TriggerMap) -> None:
        state = WorkerState(
            WorkerName(self.name), self._software, self._uuid, UUID(bytes=scan), self._build, trigger_map, self._tags
        )
        self._instance = analysis.Worker(self._user_class, parameters.values, self._context, state)
        self._version = min(self._versions)
        self._tick_interval = None
        self._ask_for_ticks(self._instance.tick_interval(parameters.values), scan)
        self.counts = WorkerCounts()
        self._seconds_per_call = 0.0

    def _end(self) -> None:
        self._joiner = Joiner()
        self._queue: deque[Part] = deque()
        self._solo: Part | None = None  # what was told of it waits for `Proceed`
        self._solo_is_done = False
        self._results: list[PickledResult] = []
        self._outcomes: defaultdict[int, _Outcomes] = defaultdict(_Outcomes)
        self._reported = self._calls, self._seconds

    def _close_instance(self) -> None:
        if self._instance is not None:
            self._instance.close(self._context)

    def _measure(self, now: float) -> WorkerStatistics:
        counts = replace(self.counts)
        rate, received, sent = self._meter.rates(now, counts.processed, counts.received_bytes, counts.sent_bytes)
        time_shares = self._stopwatch.shares(self._seconds - self._measured)
        self._measured = self._seconds
        lag, window, seconds = len(self._queue), self._window, self._seconds_per_call
        return WorkerStatistics(self._latest_scan, counts, time_shares, lag, window, rate, received, sent, seconds)

    def _has_work(self) -> bool:
        return self._solo is None and bool(self._queue) and self._queue[0].version in self._versions

    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        for parts in arrived(socket, self._at_once):
            try:
                message = decode_shares(parts)
            except WireError as error:
                self.counts.malformed += 1
                logger.warning("%s left out what an ingester sent: %s", self.identity, error)
                continue
            self.counts.received_bytes += sum(map(len, parts))
            if message.scan == self._scan_id:
                self._queue += self._joiner.add(message)
            else:
                self.counts.strays += 1

    def _work(self, until: float) -> None:
        instance = self._instance
        while instance is not None and self._has_work():
            part = self._queue.popleft()
            if part.solo and part.event is not None:
                self._announce(part)
            elif self._process(instance, part) > until:
                break
        if self._results:
            self._stopwatch.spent_on(Activity.PROCESSING)
            self._hand_on()
            self._stopwatch.spent_on(Activity.SENDING)

    def _announce(self, part: Part) -> None:
        self._report()
        self._send(Started(self.identity, part.number, part.attempt), self._scan_id)
        self._solo, self._solo_is_done = part, False

    def _proceed(self, instance: analysis.Worker, solo: Part) -> None:
        """Process a part that was announced; when its report has been noted too, go on with the others."""
        if self._solo_is_done:
            self._solo = None
        else:
            self._stopwatch.spent_on(Activity.SENDING)
            self._process(instance, solo)
            self._stopwatch.spent_on(Activity.PROCESSING)
            self._solo_is_done = True
            self._report()

    def _process(self, instance: analysis.Worker, part: Part) -> float:
        """Call the user's class, if there is something for it, and return the time after it."""
        number, attempt, version, _, tick, event = part
        outcomes, counts = self._outcomes[attempt], self.counts
        if version > self._version:
            self._adopt(instance, version)
        began = time.monotonic()
        if event is None:
            outcomes.none.append(number)
            counts.lost += 1
            return began
        try:
            pickles = instance.process_event(event, self._versions[version].values, tick=tick)
        except UserCodeError as error:
            outcomes.failed.append(number)
            counts.failed += 1
            self._tell_failure(error)
        else:
            if pickles is None:
                outcomes.none.append(number)
                counts.none += 1
            else:
                outcomes.results.append(number)
                counts.results += 1
                self._results.append(PickledResult(number, attempt, version, pickles))
        ended = time.monotonic()
        self._calls += 1
        self._seconds += ended - began
        return ended

    def _adopt(self, instance: analysis.Worker, version: int) -> None:
        """Take note that the parameters have a new version."""
        self._version = version
        try:
            self._ask_for_ticks(instance.tick_interval(self._versions[version].values), self._scan_id)
        except UserCodeError as error:
            self._tell_failure(error)

    def _ask_for_ticks(self, interval: float | None, scan: bytes) -> None:
        """Tell the controller how often the class wants ticks, if it does and that has changed."""
        if interval is not None and interval != self._tick_interval:
            self._tick_interval = interval
            self._send(TickInterval(interval), scan)

    def _hand_on(self) -> None:
        if self._results:
            parts = encode_results(Results(self._scan_id, self._results))
            self.counts.sent_bytes += sum(map(len, parts))
            for reducer in self._reducers.values():
                send(reducer, parts)
            self._results = []

    def _report_delay(self) -> float:
        unreported = self._calls - self._reported[0]
        return REPORT_DELAY if 2 * unreported < self._window else URGENT_REPORT_DELAY

    def _report(self) -> None:
        self._hand_on()  # what is told of is on its way
        if not self._outcomes:
            return
        calls, seconds = self._reported
        if self._calls > calls:
            self._seconds_per_call = (self._seconds - seconds) / (self._calls - calls)
            self._reported = self._calls, self._seconds
        solo = self._solo is not None
        done: list[tuple[int, int, int]] = []
        for attempt, outcomes in self._outcomes.items():
            for outcome, events in outcomes.items():
                ranges = tuple(ranges_of(sorted(events)))
                finished = Finished(self.identity, ranges, outcome, self._seconds_per_call, attempt, solo)
                self._send(finished, self._scan_id)
                done += [(first, last, attempt) for first, last in ranges]
        self._outcomes.clear()
        message = encode(Done(tuple(done)), self._scan_id)
        for ingester in self._ingesters.values():
            ingester.send(message)

    def _obey(self, message: Message) -> None:
        instance = self._instance
        match message:
            case Peers(ingesters, reducers):
                self._meet(ingesters, self._ingesters, listen=True)
                self._meet(reducers, self._reducers, listen=False)
            case Proceed(event, _, attempt) if instance and self._solo and self._solo[:2] == (event, attempt):
                self._proceed(instance, self._solo)
            case Window(_, events):
                self._window = events
            case FinishWorkers(workers) if instance and self.identity in workers:
                self._finish(instance)
            case _:
                super()._obey(message)

    def _forget(self) -> None:
        super()._forget()
        self._meet({}, self._ingesters, listen=True)
        self._meet({}, self._reducers, listen=False)

    def _has_lost_touch(self, now: float) -> bool:
        """Tell whether a connection is broken to the controller, or to a node that the controller says is there."""
        sockets = [*self._ingesters.values(), *self._reducers.values()]
        self._broken = {socket: self._broken.get(socket, now) for socket in sockets if has_broken(socket)}
        patience_ended = any(now - since > OUT_OF_TOUCH * self._liveness for since in self._broken.values())
        return patience_ended or super()._has_lost_touch(now)

    def _meet(self, peers: dict[str, tuple[str, ...]], sockets: dict[str, zmq.Socket[bytes]], *, listen: bool) -> None:
        """Connect to those that are new, and let go of those that are gone."""
        for identity in sockets.keys() - peers.keys():
            socket = sockets.pop(identity)
            if listen:
                self._poller.unregister(socket)
            disconnect(socket)
        for identity in peers.keys() - sockets.keys():
            url = nearest(peers[identity])
            try:
                socket = connected(self._zmq, url, self.identity, self._liveness)
            except zmq.ZMQError as error:
                logger.error("%s cannot connect to %s at %s: %s", self.identity, identity, url, error)
                continue
            socket.send(encode(self._hello))
            if listen:
                self._poller.register(socket, zmq.POLLIN)
            sockets[identity] = socket

    def _finish(self, instance: analysis.Worker) -> None:
        try:
            instance.finish(self._versions[self._version].values)
        except UserCodeError as error:
            self._tell_failure(error)
        self._send(WorkerFinished(self.identity), self._scan_id)
