"""The worker: joins frames to events, calls the user's Worker class, and sends what it returns to the reducer."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import zmq

from dranspose import analysis
from dranspose.analysis import UserCodeError
from dranspose.dataplane.joining import Joiner, Part
from dranspose.dataplane.messages import NO_SCAN, Done, Message, Peers, Proceed, WorkerHello, encode
from dranspose.dataplane.node import AnalysisNode
from dranspose.dataplane.sockets import arrived, connected
from dranspose.dataplane.wire import PickledResult, Results, WireError, decode_shares, encode_results
from dranspose.event import EventData
from dranspose.intervals import ranges_of
from dranspose.protocol import GENERIC_TAG, WorkerName, WorkerState, WorkerTag
from dranspose.scheduling.instructions import FinishWorkers
from dranspose.scheduling.stimuli import Finished, Outcome, Started, WorkerFinished
from dranspose.tick import TickClock

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkerCounts:
    """What a worker has done since it began.

    Attributes:
        results, none, failed: how many calls of ``process_event`` returned something, returned None, raised.
        lost: how many parts of events had no frame left.
        strays: how many messages with frames were of another scan.
        malformed: how many messages could not be read.
    """

    results: int = 0
    none: int = 0
    failed: int = 0
    lost: int = 0
    strays: int = 0
    malformed: int = 0


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

    Raises:
        AnalysisError, UserCodeError, ParameterError: the class does not describe its parameters as it should.
    """

    def __init__(
        self,
        name: str,
        controller_url: str,
        user_class: type,
        tags: Collection[str] = (GENERIC_TAG,),
    ) -> None:
        parameters = tuple(analysis.describe_parameters(user_class).values())
        super().__init__(name, controller_url)
        self.counts = WorkerCounts()
        self._user_class = user_class
        self._tags = frozenset(WorkerTag(tag) for tag in tags)
        self._uuid = uuid4()
        stateless = getattr(user_class, "stateless", False) is True
        self._hello = WorkerHello(name, tuple(sorted(tags)), stateless, parameters)
        self._ingesters: dict[str, zmq.Socket[bytes]] = {}
        self._reducers: dict[str, zmq.Socket[bytes]] = {}
        self._instance: analysis.Worker | None = None
        self._clock = TickClock()
        self._version = 0  # of the parameters, the latest one in use
        self._end()
        self._send(self._hello, NO_SCAN)

    def _begin(self, scan: bytes, version: int) -> None:
        values = self._versions[version].values
        state = WorkerState(
            WorkerName(self.name), self._software, self._uuid, UUID(bytes=scan), self._build, tags=self._tags
        )
        self._instance = analysis.Worker(self._user_class, values, self._context, state)
        self._clock = TickClock()
        self._version = version

    def _end(self) -> None:
        self._joiner = Joiner()
        self._queue: deque[Part] = deque()
        self._solo: Part | None = None  # waits for `Proceed`
        self._results: list[PickledResult] = []
        self._outcomes: defaultdict[int, _Outcomes] = defaultdict(_Outcomes)
        self._calls, self._seconds, self._seconds_per_call = 0, 0.0, 0.0

    def _close(self) -> None:
        if self._instance is not None:
            self._instance.close(self._context)

    def _has_work(self) -> bool:
        return self._solo is None and bool(self._queue) and self._queue[0].version in self._versions

    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        for parts in arrived(socket, copy=False):
            try:
                message = decode_shares(parts)
            except WireError as error:
                self.counts.malformed += 1
                logger.warning("%s left out what an ingester sent: %s", self.identity, error)
                continue
            if message.scan == self._scan:
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
                return

    def _announce(self, part: Part) -> None:
        self._report()
        self._send(Started(self.identity, part.number, part.attempt), self._scan)
        self._solo = part

    def _process(self, instance: analysis.Worker, part: Part) -> float:
        """Call the user's class, if there is something for it, and return the time after it."""
        number, attempt, version, _, event = part
        outcomes, counts = self._outcomes[attempt], self.counts
        began = time.monotonic()
        if event is None:
            outcomes.none.append(number)
            counts.lost += 1
            return began
        try:
            pickles = self._call(instance, event, version)
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

    def _call(self, instance: analysis.Worker, event: EventData, version: int) -> analysis.Pickles | None:
        self._version = max(version, self._version)
        values = self._versions[version].values
        interval = instance.tick_interval(values)
        tick = interval is not None and self._clock.ticks(time.monotonic(), interval)
        return instance.process_event(event, values, tick=tick)

    def _report(self) -> None:
        if not self._outcomes:
            return
        if self._results:
            parts = encode_results(Results(self._scan, self._results))
            for reducer in self._reducers.values():
                reducer.send_multipart(parts, copy=False)
            self._results = []
        if self._calls:
            self._seconds_per_call = self._seconds / self._calls
            self._calls, self._seconds = 0, 0.0
        done: list[tuple[int, int, int]] = []
        for attempt, outcomes in self._outcomes.items():
            for outcome, events in outcomes.items():
                ranges = tuple(ranges_of(sorted(events)))
                self._send(Finished(self.identity, ranges, outcome, self._seconds_per_call, attempt), self._scan)
                done += [(first, last, attempt) for first, last in ranges]
        self._outcomes.clear()
        message = encode(Done(tuple(done)), self._scan)
        for ingester in self._ingesters.values():
            ingester.send(message)

    def _obey(self, message: Message) -> None:
        instance = self._instance
        match message:
            case Peers(ingesters, reducers):
                self._meet(ingesters, self._ingesters, listen=True)
                self._meet(reducers, self._reducers, listen=False)
            case Proceed(event, attempt) if instance and self._solo and self._solo[:2] == (event, attempt):
                solo, self._solo = self._solo, None
                self._process(instance, solo)
                self._report()  # before another event might kill this worker
            case FinishWorkers(workers) if instance and self.identity in workers:
                self._finish(instance)

    def _meet(self, urls: dict[str, str], sockets: dict[str, zmq.Socket[bytes]], *, listen: bool) -> None:
        """Connect to those that are new, and let go of those that are gone."""
        for identity in sockets.keys() - urls.keys():
            socket = sockets.pop(identity)
            if listen:
                self._poller.unregister(socket)
            socket.close()
        for identity in urls.keys() - sockets.keys():
            try:
                socket = connected(self._zmq, urls[identity], self.identity)
            except zmq.ZMQError as error:
                logger.error("%s cannot connect to %s at %s: %s", self.identity, identity, urls[identity], error)
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
        self._send(WorkerFinished(self.identity), self._scan)
