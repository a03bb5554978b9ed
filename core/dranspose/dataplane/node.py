"""What all nodes but the controller have in common: a place in the ensemble, and an ear for the controller."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import zmq

from dranspose.dataplane.keys import Keys, new_context
from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Hello,
    Message,
    MessageError,
    Piece,
    Ping,
    Ready,
    Welcome,
    decode,
    encode,
)
from dranspose.dataplane.sockets import LIVENESS, connected, disconnect, has_broken, new_identity
from dranspose.dataplane.statistics import NodeStatistics
from dranspose.dataplane.wakeup import Wakeup
from dranspose.multipart import arrived

logger = logging.getLogger(__name__)

SILENCE = 7.0  # times the liveness without a word of the controller: the node gives up its scan and comes anew
OUT_OF_TOUCH = 1.5  # times the liveness without one: the node says so
STATISTICS_INTERVAL = 0.5  # seconds
READ_AT_ONCE = 1024  # messages of a socket


class Phase(Enum):
    """What a node is doing."""

    OUT_OF_TOUCH = "out of touch with the controller"
    STANDBY = "ready for a scan"
    RUNNING = "in a scan"
    FAILED = "cannot take part"


@dataclass(frozen=True, slots=True)
class State:
    """How a node stands; one that has failed says why. The scan is the one in hand, or the last one."""

    phase: Phase
    reason: str = ""
    scan: bytes = NO_SCAN


class Node(ABC):
    """A node of an ensemble; `run` is its loop, in one thread.

    An incarnation of a node is one connection to the controller. When that breaks, be it that the controller was
    restarted, the network failed, or the node was stopped for a while, messages may be lost: the node gives up what it
    has in hand, and comes again as another incarnation.

    Args:
        name: of the node.
        controller_url: where the controller is.
        on_change: is called in the thread of the loop when there is a new `state`, or new `statistics`; it must return
            at once.
        keys: without which the controller and the other nodes do not speak to this one, if they have some.
        liveness: for how many seconds a peer may show no sign of life, the same in all nodes.

    Attributes:
        identity: how the others know this incarnation of the node.
        state: how it stands, for any thread.
        statistics: the latest, for any thread.
    """

    statistics: NodeStatistics
    _hello: Hello

    def __init__(
        self,
        name: str,
        controller_url: str,
        on_change: Callable[[], None] | None = None,
        keys: Keys | None = None,
        liveness: float = LIVENESS,
    ) -> None:
        self.name = name
        self.identity = new_identity(name)
        self.state = State(Phase.OUT_OF_TOUCH)
        self._controller_url = controller_url
        self._on_change = on_change
        self._liveness = liveness
        self._zmq = new_context(keys)
        self._controller = connected(self._zmq, controller_url, self.identity, liveness)
        self._wakeup = Wakeup()
        self._poller = zmq.Poller()
        self._poller.register(self._controller, zmq.POLLIN)
        self._poller.register(self._wakeup, zmq.POLLIN)
        self._at_once = 1
        self._running = True
        self._heard = time.monotonic()
        self._pieces: list[bytes] = []
        self._is_welcome = False
        self._refusal = ""
        self._scan_id = self._latest_scan = NO_SCAN
        self._next_look = 0.0

    @contextmanager
    def _letting_go_on_error(self) -> Iterator[None]:
        """Let go of the sockets if what is done within raises: a node that cannot be made leaves nothing open."""
        try:
            yield
        except BaseException:
            self._zmq.destroy(linger=0)
            self._wakeup.close()
            raise

    def run(self) -> None:
        """Work until `stop` is called; then let go of everything."""
        try:
            while self._running:
                self._turn()
                if (now := time.monotonic()) >= self._next_look:
                    self._look_around(now)
        except Exception as error:
            logger.exception("%s ends: this is a bug in dranspose", self.identity)
            self._stand(State(Phase.FAILED, f"a bug in dranspose ended it: {error!r}"))
        finally:
            self.close()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._running = False
        self._wakeup.wake()

    def close(self) -> None:
        """Let go of everything; only for a node that does not run."""
        if self._zmq.closed:
            return
        self._zmq.destroy(linger=0)  # first, so that the others know at once
        self._wakeup.close()
        self._close()

    # What the nodes differ in

    @abstractmethod
    def _turn(self) -> None:
        """Wait for something to do, no longer than `STATISTICS_INTERVAL`, and do it."""

    @abstractmethod
    def _begin(self, scan: bytes, arm: Arm) -> str:
        """Get ready for a scan; return why the node cannot take part, or an empty text."""

    @abstractmethod
    def _end(self) -> None:
        """Drop all that belongs to the scan in hand, if there is one."""

    @abstractmethod
    def _obey(self, message: Message) -> None:
        """Do what the controller says in the scan in hand, or outside of scans."""

    @abstractmethod
    def _measure(self, now: float) -> NodeStatistics:
        """Return the statistics."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of what is not a socket."""

    # What comes in

    def _wait(self, seconds: float) -> list[zmq.Socket[bytes] | int]:
        """Return what is readable, waiting so long for something to be.

        Sets how many messages of a socket are to be read at once: one that came while the node waited is passed on
        before it is asked whether there is another, which takes as long as to read it. When more come than can be
        waited for, twice as many each time.
        """
        ready = self._poller.poll(0)
        if ready:
            self._at_once = min(2 * self._at_once, READ_AT_ONCE)
        else:
            self._at_once = 1
            ready = self._poller.poll(int(1000 * seconds))
        return [readable for readable, _ in ready]

    # The controller

    def _join(self, hello: Hello) -> None:
        """Tell the controller that the node is there, for the first time."""
        self.statistics = self._measure(time.monotonic())
        self._hello = hello
        self._send(hello, NO_SCAN)

    def _join_anew(self, now: float) -> None:
        """Forget all that the controller said, and come again as another incarnation."""
        before = self.identity
        self._disarm()
        self._forget()
        self._poller.unregister(self._controller)
        disconnect(self._controller)
        self.identity = new_identity(self.name)
        self._controller = connected(self._zmq, self._controller_url, self.identity, self._liveness)
        self._poller.register(self._controller, zmq.POLLIN)
        self._heard = now
        self._pieces = []
        self._is_welcome = False
        self._send(self._hello, NO_SCAN)
        logger.warning("%s comes again as %s", before, self.identity)

    def _send(self, message: Message, scan: bytes) -> None:
        self._controller.send(encode(message, scan))

    def _listen(self) -> None:
        """Do all that the controller has said."""
        for parts in arrived(self._controller):
            self._heard = time.monotonic()
            self._hear(parts[-1].bytes)

    def _hear(self, data: bytes) -> None:
        try:
            scan, message = decode(data)
        except MessageError as error:
            logger.warning("%s left out what the controller sent: %s", self.identity, error)
            return
        match message:
            case Ping():
                pass
            case Piece(piece, is_last):
                self._pieces.append(piece)
                if is_last:
                    whole, self._pieces = b"".join(self._pieces), []
                    self._hear(whole)
            case Welcome(refusal):
                self._be_welcome(refusal)
            case Arm():
                self._arm(scan, message)
            case _ if scan not in (NO_SCAN, self._scan_id):
                logger.debug("%s was sent a %s of another scan", self.identity, type(message).__name__)
            case Disarm():
                self._disarm()
            case _:
                self._obey(message)

    def _be_welcome(self, refusal: str) -> None:
        self._is_welcome = not refusal
        self._refusal = refusal
        if refusal:
            logger.error("%s is not taken in by the controller: %s", self.identity, refusal)
            self._disarm()
        self._next_look = 0.0

    def _arm(self, scan: bytes, arm: Arm) -> None:
        self._disarm()
        self._refusal = self._begin(scan, arm)
        if not self._refusal:
            self._scan_id = self._latest_scan = scan
        self._send(Ready(self._refusal), scan)

    def _disarm(self) -> None:
        self._end()
        self._scan_id = NO_SCAN
        self._next_look = 0.0

    def _has_lost_touch(self, now: float) -> bool:
        """Tell whether a connection is broken that the node cannot do without."""
        return has_broken(self._controller)

    def _forget(self) -> None:  # noqa: B027 - there may be nothing
        """Forget what the controller said outside of scans."""

    # What it tells of itself

    def _look_around(self, now: float) -> None:
        """Look after the connections, and tell how the node stands."""
        if now - self._heard > SILENCE * self._liveness:
            logger.error("%s has not heard of the controller for %.1f s", self.identity, now - self._heard)
            self._join_anew(now)
        elif self._has_lost_touch(now):
            logger.error("%s has lost a connection", self.identity)
            self._join_anew(now)
        self._next_look = now + STATISTICS_INTERVAL
        self.statistics = self._measure(now)
        if self._is_welcome:
            self._send(self.statistics, NO_SCAN)
        self._stand(self._standing(now))

    def _standing(self, now: float) -> State:
        if self._refusal:
            return State(Phase.FAILED, self._refusal, self._latest_scan)
        if not self._is_welcome or now - self._heard > OUT_OF_TOUCH * self._liveness:
            return State(Phase.OUT_OF_TOUCH, scan=self._latest_scan)
        return State(Phase.STANDBY if self._scan_id == NO_SCAN else Phase.RUNNING, scan=self._latest_scan)

    def _stand(self, state: State) -> None:
        self.state = state
        if self._on_change is not None:
            self._on_change()
