"""The reducer: gives the workers' results to the user's Reducer class, and serves what that publishes."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import zmq

from dranspose import analysis
from dranspose.analysis import UserCodeError, unpickle
from dranspose.dataplane.analysis_node import AnalysisNode
from dranspose.dataplane.intake import Intake, Verdict
from dranspose.dataplane.keys import Keys
from dranspose.dataplane.messages import Message, MessageError, ReducerHello, WorkerGone, WorkerHello, decode
from dranspose.dataplane.sockets import LIVENESS, bind_locally, bound, endpoint
from dranspose.dataplane.statistics import ReducerCounts, ReducerStatistics
from dranspose.dataplane.wire import PickledResult, WireError, decode_results
from dranspose.event import ResultData
from dranspose.intervals import ranges_of
from dranspose.multipart import arrived
from dranspose.parameters import ParameterVersion
from dranspose.protocol import EventNumber, ReducerState, WorkerName
from dranspose.reducer_timer import ReducerTimer
from dranspose.scheduling.instructions import Fence, FinishReducer
from dranspose.scheduling.stimuli import Fenced, Reduced, ReducerFinished
from dranspose.triggermap import TriggerMap

if TYPE_CHECKING:
    from dranspose.publish.http import Server

logger = logging.getLogger(__name__)

TIMER_PATIENCE = 1.0  # seconds to wait for a call of the timer when a scan is dropped


class Reducer(AnalysisNode):
    """A reducer.

    Args:
        name: of the reducer, as the user's class sees it.
        controller_url: where the controller is.
        user_class: the Reducer class.
        bind: where workers connect to.
        http_host, http_port: where to serve what the class publishes; not at all without a port.
        on_change, keys, liveness: as of `Node`.

    Attributes:
        urls: where workers connect to, the second one on the same machine.
        counts: what it has done in the scan in hand, or the last one.

    Raises:
        AnalysisError, UserCodeError, ParameterError: the class does not describe its parameters as it should.
        OSError: the HTTP address cannot be listened on.
    """

    def __init__(
        self,
        name: str,
        controller_url: str,
        user_class: type,
        *,
        bind: str = "tcp://127.0.0.1:*",
        http_host: str = "127.0.0.1",
        http_port: int | None = None,
        on_change: Callable[[], None] | None = None,
        keys: Keys | None = None,
        liveness: float = LIVENESS,
    ) -> None:
        parameters = tuple(analysis.describe_parameters(user_class).values())
        super().__init__(name, controller_url, on_change, keys, liveness)
        self.counts = ReducerCounts()
        self._user_class = user_class
        self._uuid = uuid4()
        self._instance: analysis.Reducer | None = None
        self._timer: ReducerTimer | None = None
        self._timer_failures: deque[UserCodeError] = deque()
        self._workers: dict[str, WorkerName] = {}
        with self._letting_go_on_error():
            self._router = bound(self._zmq, bind, liveness)
            self._server = None if http_port is None else self._serve(http_host, http_port)
        self._poller.register(self._router, zmq.POLLIN)
        self.urls = endpoint(self._router), bind_locally(self._router)
        self._version = 0  # of the parameters, the latest one in use
        self._end()
        self._join(ReducerHello(name, self.urls, parameters))

    @property
    def http_url(self) -> str | None:
        """Where the results are served."""
        return None if self._server is None else self._server.url

    def _serve(self, host: str, port: int) -> Server:
        from dranspose.publish.http import Server  # only a reducer that serves needs to load a web server

        return Server(self.published, host=host, port=port)

    def _make(self, scan: bytes, parameters: ParameterVersion, trigger_map: TriggerMap) -> None:
        state = ReducerState(self.name, self._software, self._uuid, UUID(bytes=scan), self._build, trigger_map)
        self._instance = instance = analysis.Reducer(self._user_class, parameters.values, self._context, state)
        self._version = min(self._versions)
        self.counts = ReducerCounts()
        self._timer = ReducerTimer(instance, lambda: self._versions[self._version].values, self._timer_failed)
        self._timer.start()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.stop(TIMER_PATIENCE)
            self._timer = None
        self._timer_failures.clear()
        self._intake = Intake()
        self._queue: deque[tuple[str, PickledResult]] = deque()
        self._reduced: defaultdict[tuple[str, int], list[int]] = defaultdict(list)

    def _close_instance(self) -> None:
        if self._server is not None:
            self._server.close()
        self._end()
        if self._instance is not None:
            self._instance.close(self._context)

    def _timer_failed(self, error: UserCodeError) -> bool:
        self._timer_failures.append(error)
        self._wakeup.wake()
        return True

    def _measure(self, now: float) -> ReducerStatistics:
        counts = replace(self.counts)
        rates = self._meter.rates(now, counts.results + counts.failed, counts.received_bytes)
        return ReducerStatistics(self._latest_scan, counts, self._stopwatch.shares(), len(self._queue), *rates)

    def _has_work(self) -> bool:
        return bool(self._queue) and self._queue[0][1].version in self._versions

    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        for sender, *parts in arrived(socket, self._at_once):
            worker = sender.bytes.decode(errors="replace")
            try:
                message = decode_results(parts)
            except WireError as error:
                if len(parts) != 1 or not self._welcome(worker, parts[0].bytes):
                    self.counts.malformed += 1
                    logger.warning("%s left out what %r sent: %s", self.identity, worker, error)
                continue
            self.counts.received_bytes += sum(map(len, parts))
            if message.scan == self._scan_id:
                self._queue += [(worker, result) for result in message.results]
            else:
                self.counts.strays += 1

    def _welcome(self, worker: str, data: bytes) -> bool:
        """Take note of the name of a worker that connects; tell whether the message was that it does."""
        try:
            _, hello = decode(data)
        except MessageError:
            return False
        if isinstance(hello, WorkerHello):
            self._workers[worker] = WorkerName(hello.name)
        return isinstance(hello, WorkerHello)

    def _work(self, until: float) -> None:
        instance = self._instance
        while instance is not None and self._has_work():
            worker, result = self._queue.popleft()
            match self._intake.judge(worker, result.event, result.attempt):
                case Verdict.TAKEN:
                    self._reduce(instance, worker, result)
                    self._reduced[worker, result.attempt].append(result.event)
                case Verdict.FENCED:
                    self.counts.fenced += 1
                case Verdict.TWICE:
                    self.counts.twice += 1
                    logger.error("%s sent a result of event %d twice: a bug in dranspose", worker, result.event)
            if time.monotonic() > until:
                return

    def _reduce(self, instance: analysis.Reducer, worker: str, pickled: PickledResult) -> None:
        number, _, version, pickles = pickled
        event = EventNumber(number)
        parameters = self._versions[version]
        self._version = max(version, self._version)
        try:
            payload = unpickle(pickles, event)
            name = self._workers.get(worker, WorkerName(worker))
            instance.process_result(ResultData(event, name, parameters.hash, payload), parameters.values)
        except UserCodeError as error:
            self.counts.failed += 1
            self._tell_failure(error)
        else:
            self.counts.results += 1

    def _report(self) -> None:
        while self._timer_failures:
            self._tell_failure(self._timer_failures.popleft())
        for (worker, attempt), events in self._reduced.items():
            self._send(Reduced(worker, tuple(ranges_of(sorted(events))), attempt), self._scan_id)
        self._reduced.clear()

    def _obey(self, message: Message) -> None:
        match message:
            case Fence(worker):
                self._intake.fence(worker)
                self._report()  # the answer comes after all that was taken of this worker
                self._send(Fenced(worker), self._scan_id)
            case WorkerGone(worker):
                self._workers.pop(worker, None)
            case FinishReducer() if self._instance is not None:
                self._finish(self._instance)
            case _:
                super()._obey(message)

    def _forget(self) -> None:
        super()._forget()
        self._workers = {}

    def _finish(self, instance: analysis.Reducer) -> None:
        if self._timer is not None:
            self._timer.stop()  # no call of it is to see what `finish` has put away
        try:
            instance.finish(self._versions[self._version].values)
        except UserCodeError as error:
            self._tell_failure(error)
        self._report()
        self._send(ReducerFinished(), self._scan_id)
