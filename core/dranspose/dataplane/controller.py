"""The controller node: knows who is there, arms scans, asks the scheduler, and tells the nodes what it says."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from enum import Enum
from types import UnionType
from typing import TypeVar

import zmq

from dranspose.dataplane.keys import Keys, new_context
from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Failure,
    Hello,
    IngesterHello,
    Message,
    MessageError,
    Parameters,
    Peers,
    Ping,
    Ready,
    ReducerHello,
    TickInterval,
    Welcome,
    WorkerGone,
    WorkerHello,
    decode,
    encode_in_pieces,
)
from dranspose.dataplane.sockets import LIVENESS, LIVENESS_RANGE, bound, endpoint
from dranspose.dataplane.statistics import (
    IngesterStatistics,
    NodeStatistics,
    ReducerStatistics,
    WorkerStatistics,
)
from dranspose.dataplane.wakeup import Wakeup
from dranspose.multipart import arrived, send
from dranspose.parameters import (
    Descriptions,
    ParameterError,
    ParameterStore,
    ParameterVersion,
    check_agreement,
    merge_descriptions,
)
from dranspose.protocol import ParameterName, StreamName
from dranspose.scheduler import Scheduler
from dranspose.scheduling import instructions, stimuli
from dranspose.scheduling.credit import DEFAULT_LIMITS, CreditLimits
from dranspose.scheduling.instructions import Report
from dranspose.triggermap import TriggerMap

logger = logging.getLogger(__name__)

PING_INTERVAL = 0.2  # seconds
STATUS_INTERVAL = 0.05  # seconds between snapshots, but that a new phase is told at once
REMEMBERED_FAILURES = 100
REPORTS_AT_ONCE = 100  # that the scheduler is told of: the more, the longer the first one waits
LOOK_FOR_END = 0.5  # seconds after which who waits for a command looks whether there is still a controller
ID_BYTES = 16
ABORTED = "aborted"
"""Why a scan failed that was wanted to."""

T = TypeVar("T")
TypedData = dict[str, tuple[str, bytes]]
"""Type and data of parameters by name, as in `Parameters`."""

TO_INGESTERS = (
    instructions.Bind,
    instructions.Broadcast,
    instructions.Window,
    instructions.Solo,
    instructions.Poison,
    instructions.Release,
    instructions.Fence,
    instructions.Hold,
    instructions.UseParameters,
    instructions.EndAt,
)
TO_REDUCER = (instructions.Fence, instructions.FinishReducer)


class Refused(Exception):  # noqa: N818 - it is what the command is: refused
    """A command cannot be carried out now; the text says why."""


class Phase(Enum):
    """What the controller is doing."""

    STANDBY = "ready for a scan"
    ARMING = "waiting for the nodes to be ready"
    RUNNING = "in a scan"


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot of the controller.

    Attributes:
        phase: what it is doing.
        scan: the scan in hand, or the last one; none before the first.
        report: how that scan stands, or ended.
        failed: why that scan failed, empty if it did not.
        unserved: tags that something waits for and no worker has.
        arming: the identities of the nodes that were told to arm, and have not answered.
        ingesters, workers, reducers: the identities of the nodes that are there.
        streams: what the ingesters take in.
        refused: why other nodes that are there were not taken in, by their identities.
        version: the number of the latest version of the parameters.
        parameters: that version.
        descriptions: what the workers and the reducer describe.
        failures: the first failures of the user's code in that scan: later ones often follow from them.
        statistics: the latest of each node that is there, by its identity.
        windows: how many events each worker of the scan may have in hand, by its identity.
    """

    phase: Phase
    scan: bytes
    report: Report | None
    failed: str
    unserved: tuple[frozenset[str], ...]
    arming: tuple[str, ...]
    ingesters: tuple[str, ...]
    workers: tuple[str, ...]
    reducers: tuple[str, ...]
    streams: tuple[StreamName, ...]
    refused: Mapping[str, str]
    version: int
    parameters: ParameterVersion
    descriptions: Descriptions
    failures: tuple[Failure, ...]
    statistics: Mapping[str, NodeStatistics]
    windows: Mapping[str, int]


@dataclass(slots=True)
class _Scan:
    id: bytes
    trigger_map: TriggerMap
    scheduler: Scheduler
    version: int
    members: set[str]  # identities of the nodes that were told to arm
    waiting: set[str]  # of these, those that have not answered
    ready_workers: int = 0
    started: bool = False
    failed: str = ""
    tick_intervals: dict[str, float] = field(default_factory=dict)  # that workers ask for, in seconds
    reports: list[stimuli.Stimulus] = field(default_factory=list)  # that the scheduler has not been told of


class Controller:
    """The controller; `run` is its loop, in one thread, and the commands may come from any other.

    Args:
        given: values of parameters by name; workers and the reducer say what types they have, and what others there
            are.
        bind: where nodes connect to.
        on_change: is called in the thread of the loop when there is a new `status`; it must return at once.
        keys: nodes must have the same, to connect.
        credit_limits: how many events each worker may have in hand.
        liveness: for how many seconds a node may show no sign of life, the same in all nodes.

    Raises:
        zmq.ZMQError: it cannot bind.
        ValueError: the liveness is too short, or too long.
    """

    def __init__(
        self,
        given: Mapping[ParameterName, bytes] | None = None,
        bind: str = "tcp://127.0.0.1:*",
        on_change: Callable[[], None] | None = None,
        keys: Keys | None = None,
        credit_limits: CreditLimits = DEFAULT_LIMITS,
        liveness: float = LIVENESS,
    ) -> None:
        least, most = LIVENESS_RANGE
        if not least <= liveness <= most:
            raise ValueError(f"a liveness has to be from {least} to {most} s, not {liveness}")
        self._credit_limits = credit_limits
        self._context = new_context(keys)
        try:
            self._router = bound(self._context, bind, liveness)
        except zmq.ZMQError:
            self._context.destroy()
            raise
        self.url = endpoint(self._router)
        self.liveness = liveness
        self._wakeup = Wakeup()
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._running = True
        self._ended = False
        self._parameters = ParameterStore({}, given or {})
        self._version = 0
        self._versions = {0: _typed_data(self._parameters)}  # the latest, and those of the scan in hand before it
        self._peers: dict[str, Hello] = {}
        self._refused: dict[str, tuple[Hello, str]] = {}
        self._scan: _Scan | None = None
        self._report: Report | None = None
        self._last_scan = NO_SCAN
        self._last_failed = ""
        self._failures: list[Failure] = []
        self._statistics: dict[str, NodeStatistics] = {}
        self._on_change = on_change
        self._changed = threading.Condition()
        self._status = self._snapshot()

    # what other threads may do

    @property
    def status(self) -> Status:
        """The latest snapshot."""
        return self._status

    def wait_until(self, condition: Callable[[Status], bool], timeout: float) -> Status:
        """Return the first status that fulfils the condition; raises TimeoutError after so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self._status), timeout):
                raise TimeoutError(f"after {timeout} s the controller still is at {self._status}")
            return self._status

    def arm(self, trigger_map: TriggerMap) -> bytes:
        """Begin a scan and return its id; a scan that is being armed is given up for it.

        Raises:
            Refused: a scan is running, or there is no reducer.
            TriggerMapError: the nodes that are there cannot serve the map.
        """
        return self._command(lambda: self._arm(trigger_map))

    def stop_scan(self) -> None:
        """End the scan early, with what has been begun."""
        self._command(lambda: self._handle(stimuli.Stop()))

    def abort(self) -> None:
        """End the scan at once."""
        self._command(self._abort)

    def set_parameter(self, name: str, data: bytes) -> int:
        """Put a new version of the parameters in force, from one event on, and return it; raises ParameterError."""
        return self._command(lambda: self._set_parameter(name, data))

    def story(self, event: int) -> list[str]:
        """Return in sentences what happened to an event of the scan in hand."""
        return self._command(lambda: self._scan.scheduler.story(event) if self._scan else [])

    def stop(self) -> None:
        """End `run`."""
        self._running = False
        self._wakeup.wake()

    def _command(self, action: Callable[[], T]) -> T:
        future: Future[T] = Future()

        def carry_out() -> None:
            try:
                result = action()
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)
            else:
                self._publish()  # so that the caller sees what it has done
                future.set_result(result)

        self._commands.put(carry_out)
        self._wakeup.wake()
        while not wait([future], LOOK_FOR_END).done:
            if self._ended:
                raise Refused("the controller has ended")
        return future.result()

    # the loop

    def run(self) -> None:
        """Work until `stop` is called; then let go of the sockets."""
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._wakeup, zmq.POLLIN)
        next_ping = next_status = time.monotonic()
        try:
            while self._running:
                poller.poll(max(0, int((next_ping - time.monotonic()) * 1000)))
                self._wakeup.clear()
                while not self._commands.empty():
                    self._commands.get()()
                self._receive()
                if time.monotonic() >= next_ping:
                    next_ping = time.monotonic() + PING_INTERVAL
                    for identity in (*self._peers, *self._refused):
                        self._send(identity, Ping())
                if self._phase is not self._status.phase or time.monotonic() >= next_status:
                    next_status = time.monotonic() + STATUS_INTERVAL
                    self._publish()
        except Exception:
            logger.exception("the controller ends: this is a bug in dranspose")
        finally:
            self._ended = True
            self._context.destroy(linger=0)
            self._wakeup.close()

    def _receive(self) -> None:
        for sender, *parts in arrived(self._router):
            try:
                scan, message = decode(parts[0].bytes)
            except (MessageError, IndexError) as error:
                logger.warning("left out what %r sent: %s", sender.bytes, error)
                continue
            self._take(sender.bytes.decode(errors="replace"), scan, message)
        self._handle()

    def _take(self, sender: str, scan: bytes, message: Message) -> None:
        match message:
            case IngesterHello() | WorkerHello() | ReducerHello():
                self._welcome(sender, message)
            case IngesterStatistics() | WorkerStatistics() | ReducerStatistics():
                if sender in self._peers:
                    self._statistics[sender] = message
            case _ if self._scan is None or scan != self._scan.id:
                logger.debug("%s sent a %s of another scan", sender, type(message).__name__)
            case Ready(error):
                self._node_is_ready(sender, error)
            case TickInterval(seconds) if sender in self._scan.members:
                self._scan.tick_intervals[sender] = seconds
                self._tell_tick_interval(self._scan)
            case Failure():
                self._remember(message)
                logger.error("%s: %s\n%s", sender, message.text, message.traceback)
            case _:
                self._scan.reports.append(message)
                if len(self._scan.reports) >= REPORTS_AT_ONCE:
                    self._handle()

    def _remember(self, failure: Failure) -> None:
        if len(self._failures) < REMEMBERED_FAILURES:
            self._failures.append(failure)

    # nodes that come and go

    def _welcome(self, sender: str, hello: Hello) -> None:
        if sender in self._peers:
            return
        for before, known in self._namesakes(hello):
            self._lose(before)
            self._refuse(before, known, f"{sender} has taken its place")
        if rivalry := self._rivalry(hello):
            self._refuse(sender, hello, rivalry)
            return
        try:
            self._learn(hello)
        except ParameterError as error:
            self._refuse(sender, hello, str(error))
            return
        self._refused.pop(sender, None)
        self._peers[sender] = hello
        logger.info("%s is there", sender)
        self._send(sender, Welcome())
        self._tell_versions(sender)
        if isinstance(hello, WorkerHello):
            self._send(sender, self._addresses())
            if self._scan is not None:
                self._arm_node(sender, self._scan)
        else:
            self._tell(WorkerHello, self._addresses())

    def _namesakes(self, hello: Hello) -> list[tuple[str, Hello]]:
        """Return the nodes of this name and kind that were taken in."""
        return [
            (identity, known)
            for identity, known in self._peers.items()
            if known.name == hello.name and type(known) is type(hello)
        ]

    def _rivalry(self, hello: Hello) -> str:
        """Return which node does already what only one can do, or an empty text."""
        match hello:
            case ReducerHello() if self._reducers:
                return f"{self._reducers[0]} is the reducer: stop it, or this one"
            case IngesterHello(name=name, streams=streams):
                for identity, known in self._peers.items():
                    if isinstance(known, IngesterHello) and (shared := sorted({*streams} & {*known.streams})):
                        return f"{identity} takes in {', '.join(shared)} already: stop it, or give {name} other streams"
        return ""

    def _refuse(self, identity: str, hello: Hello, reason: str) -> None:
        if self._refused.get(identity) != (hello, reason):
            logger.error("%s is not taken in: %s", identity, reason)
            self._refused[identity] = hello, reason
            self._send(identity, Welcome(reason))

    def _reconsider(self) -> None:
        """Take in what was refused for a reason that is gone."""
        for identity, (hello, _) in list(self._refused.items()):
            if not self._namesakes(hello):
                self._welcome(identity, hello)

    def _lose(self, identity: str) -> None:
        self._refused.pop(identity, None)
        self._statistics.pop(identity, None)
        hello = self._peers.pop(identity, None)
        if hello is None:
            return
        logger.warning("%s is gone", identity)
        self._commands.put(self._reconsider)
        if self._scan is not None and identity in self._scan.members:
            self._lose_member(self._scan, identity, hello)
        if isinstance(hello, WorkerHello):
            self._tell(IngesterHello | ReducerHello, WorkerGone(identity))  # after the scan has fenced it off
        else:
            self._tell(WorkerHello, self._addresses())

    def _lose_member(self, scan: _Scan, identity: str, hello: Hello) -> None:
        scan.members.discard(identity)
        match hello:
            case WorkerHello():
                scan.tick_intervals.pop(identity, None)
                self._tell_tick_interval(scan)
                self._handle(stimuli.WorkerLost(identity))
            case IngesterHello():
                self._handle(stimuli.IngesterLost(identity))
            case ReducerHello():
                self._handle(stimuli.ReducerLost())
        self._answered(identity)

    def _addresses(self) -> Peers:
        return Peers(
            {identity: hello.urls for identity, hello in self._peers.items() if isinstance(hello, IngesterHello)},
            {identity: hello.urls for identity, hello in self._peers.items() if isinstance(hello, ReducerHello)},
        )

    # scans

    def _arm(self, trigger_map: TriggerMap) -> bytes:
        if self._scan is not None and self._scan.started:
            raise Refused("a scan is running: stop it, or wait for its end")
        if self._scan is not None:
            self._end("given up for another scan")
        self._describe(self._peers.values())
        ingesters = {
            identity: streams
            for identity, hello in self._peers.items()
            if isinstance(hello, IngesterHello)
            and (streams := [StreamName(stream) for stream in hello.streams if stream in trigger_map.streams])
        }
        workers = {identity: hello for identity, hello in self._peers.items() if isinstance(hello, WorkerHello)}
        trigger_map.check(self._streams, [frozenset(hello.tags) for hello in workers.values()])
        reducers = self._reducers
        if not reducers:
            raise Refused("there is no reducer")

        scan = _Scan(
            id=secrets.token_bytes(ID_BYTES),
            trigger_map=trigger_map,
            scheduler=Scheduler(trigger_map, ingesters, self._credit_limits),
            version=self._version,
            members=set(),
            waiting=set(),
        )
        self._scan, self._last_scan, self._last_failed, self._report = scan, scan.id, "", None
        self._failures.clear()
        for identity in (*ingesters, *workers, *reducers):
            self._arm_node(identity, scan)
        return scan.id

    def _arm_node(self, identity: str, scan: _Scan) -> None:
        scan.members.add(identity)
        scan.waiting.add(identity)
        self._send(identity, Arm(scan.trigger_map.to_message(), scan.version), scan.id)

    def _tell_tick_interval(self, scan: _Scan) -> None:
        if scan.tick_intervals:
            self._tell(IngesterHello, TickInterval(min(scan.tick_intervals.values())), scan)

    def _node_is_ready(self, identity: str, error: str) -> None:
        scan = self._scan
        hello = self._peers.get(identity)
        if scan is None or hello is None or identity not in scan.waiting:
            return
        if error:
            logger.error("%s cannot take part in the scan: %s", identity, error)
            self._remember(Failure(-1, f"{identity} cannot take part in the scan", error))
            scan.members.discard(identity)
            if not isinstance(hello, WorkerHello):
                self._end(f"{identity} cannot take part: {error}")
                return
        elif isinstance(hello, WorkerHello):
            scan.ready_workers += 1
            self._handle(stimuli.WorkerJoined(identity, frozenset(hello.tags), hello.stateless))
        self._answered(identity)

    def _answered(self, identity: str) -> None:
        """Begin the scan when all who were told to arm have answered, or are gone."""
        scan = self._scan
        if scan is None or identity not in scan.waiting:
            return
        scan.waiting.discard(identity)
        if scan.waiting or scan.started:
            return
        if not scan.ready_workers:
            self._end("no worker can take part: see their failures")
            return
        scan.started = True
        self._handle(stimuli.Start())

    def _handle(self, *happened: stimuli.Stimulus) -> None:
        """Do what the scheduler says to the reports that have come, and to what happened after them."""
        scan = self._scan
        if scan is None:
            return
        reports, scan.reports = scan.reports, []
        for instruction in scan.scheduler.handle(*reports, *happened):
            match instruction:
                case instructions.ScanOver():
                    self._end("")
                case instructions.ScanFailed(reason):
                    self._end(reason)
                case instructions.Proceed(worker=worker) | instructions.Window(worker=worker):
                    self._send(worker, instruction, scan.id)
                case instructions.FinishWorkers(workers):
                    for worker in workers:
                        self._send(worker, instruction, scan.id)
            if isinstance(instruction, TO_INGESTERS):
                self._tell(IngesterHello, instruction, scan)
            if isinstance(instruction, TO_REDUCER):
                self._tell(ReducerHello, instruction, scan)

    def _end(self, failed: str) -> None:
        scan = self._scan
        if scan is None:
            return
        self._report, self._last_failed, self._scan = scan.scheduler.report(), failed, None
        self._versions = {self._version: self._versions[self._version]}
        if failed:
            logger.log(logging.INFO if failed == ABORTED else logging.ERROR, "the scan failed: %s", failed)
        for identity in scan.members:
            self._send(identity, Disarm(), scan.id)

    def _abort(self) -> None:
        if self._scan is not None:
            self._scan.scheduler.handle(stimuli.Abort())
            self._end(ABORTED)

    # parameters

    def _set_parameter(self, name: str, data: bytes) -> int:
        self._parameters.set(name, data)
        self._put_in_force()
        self._reconsider()
        return self._version

    def _learn(self, hello: Hello) -> None:
        """Take note of the parameters that a node describes; raises ParameterError."""
        if isinstance(hello, IngesterHello):
            return
        for identity, known in self._peers.items():
            if not isinstance(known, IngesterHello):
                same_class = isinstance(known, type(hello))
                check_agreement(hello.parameters, known.parameters, identity, same_class=same_class)
        self._describe([*self._peers.values(), hello])

    def _describe(self, nodes: Iterable[Hello]) -> None:
        """Describe the parameters as these nodes do, like in replay the workers first."""
        analysing = [node for node in nodes if not isinstance(node, IngesterHello)]
        analysing.sort(key=lambda node: isinstance(node, ReducerHello))
        described = [parameter for node in analysing for parameter in node.parameters]
        self._parameters.describe_as(merge_descriptions(described))
        if _typed_data(self._parameters) != self._versions[self._version]:
            self._put_in_force()

    def _put_in_force(self) -> None:
        """Make the parameters as they are the next version, and tell it."""
        before = self._versions[self._version]
        self._version += 1
        self._versions[self._version] = _typed_data(self._parameters)
        self._tell(Hello, self._change(self._version, before))
        if self._scan is None:
            del self._versions[self._version - 1]
        else:
            self._handle(stimuli.ChangeParameters(self._version))

    def _tell_versions(self, identity: str) -> None:
        before: TypedData = {}
        for version, typed_data in self._versions.items():
            self._send(identity, self._change(version, before))
            before = typed_data

    def _change(self, version: int, before: TypedData) -> Parameters:
        """Return what a version of the parameters has that those before it did not have."""
        changed = {name: value for name, value in self._versions[version].items() if before.get(name) != value}
        return Parameters(version, changed)

    # sending and telling

    def _tell(self, kind: type | UnionType, message: Message, scan: _Scan | None = None) -> None:
        """Send a message to all nodes of a kind; in a scan, to those that take part."""
        encoded = encode_in_pieces(message, NO_SCAN if scan is None else scan.id)
        for identity, hello in list(self._peers.items()):
            if isinstance(hello, kind) and (scan is None or identity in scan.members):
                self._post(identity, encoded)

    def _send(self, identity: str, message: Message, scan: bytes = NO_SCAN) -> None:
        self._post(identity, encode_in_pieces(message, scan))

    def _post(self, identity: str, pieces: list[bytes]) -> None:
        try:
            for piece in pieces:
                send(self._router, [identity.encode(), piece])
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._commands.put(lambda: self._lose(identity))
            self._wakeup.wake()

    @property
    def _reducers(self) -> list[str]:
        """The identity of the reducer, if there is one: each result goes to one place."""
        return [identity for identity, hello in self._peers.items() if isinstance(hello, ReducerHello)]

    @property
    def _streams(self) -> tuple[StreamName, ...]:
        ingesters = [hello for hello in self._peers.values() if isinstance(hello, IngesterHello)]
        return tuple(StreamName(stream) for hello in ingesters for stream in hello.streams)

    @property
    def _phase(self) -> Phase:
        if self._scan is None:
            return Phase.STANDBY
        return Phase.RUNNING if self._scan.started else Phase.ARMING

    def _snapshot(self) -> Status:
        def names(kind: type) -> tuple[str, ...]:
            return tuple(identity for identity, hello in self._peers.items() if isinstance(hello, kind))

        scan = self._scan
        return Status(
            phase=self._phase,
            scan=self._last_scan,
            report=self._report if scan is None else scan.scheduler.report(),
            failed=self._last_failed,
            unserved=() if scan is None else tuple(scan.scheduler.unserved()),
            arming=() if scan is None else tuple(scan.waiting),
            ingesters=names(IngesterHello),
            workers=names(WorkerHello),
            reducers=names(ReducerHello),
            streams=self._streams,
            refused={identity: reason for identity, (_, reason) in self._refused.items()},
            version=self._version,
            parameters=self._parameters.version,
            descriptions=self._parameters.descriptions,
            failures=tuple(self._failures),
            statistics=self._statistics.copy(),
            windows={} if scan is None else scan.scheduler.windows(),
        )

    def _publish(self) -> None:
        status = self._snapshot()
        if status != self._status:
            with self._changed:
                self._status = status
                self._changed.notify_all()
            if self._on_change is not None:
                self._on_change()


def _typed_data(parameters: ParameterStore) -> TypedData:
    descriptions = parameters.descriptions
    return {
        name: (descriptions[name].dtype if name in descriptions else "", parameter.data)
        for name, parameter in parameters.version.values.items()
    }
