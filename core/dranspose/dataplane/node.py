"""What the nodes that run the user's classes have in common: they listen to the controller between pieces of work."""

from __future__ import annotations

import importlib.metadata
import logging
import time
from abc import ABC, abstractmethod
from typing import Any

import zmq

from dranspose.analysis import AnalysisError, Context, UserCodeError
from dranspose.build_metadata import read_build_metadata
from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Failure,
    Message,
    MessageError,
    Parameters,
    Ready,
    Welcome,
    decode,
    encode,
)
from dranspose.dataplane.sockets import arrived, connected, new_identity
from dranspose.dataplane.throttle import Throttle
from dranspose.dataplane.wakeup import Wakeup
from dranspose.parameters import TYPES, ParameterVersion
from dranspose.protocol import ParameterName

logger = logging.getLogger(__name__)

LOOK_INTERVAL = 0.01  # seconds of work after which a node reports, and looks at what the controller says
SILENCE = 10.0  # seconds without a sign of the controller, after which a scan is given up
FAILURES_PER_SECOND = 10


class AnalysisNode(ABC):
    """A node that runs one of the user's classes; `run` is its loop, in one thread.

    Args:
        name: of the node.
        controller_url: where the controller is.

    Attributes:
        identity: how the others know this incarnation of the node.
    """

    def __init__(self, name: str, controller_url: str) -> None:
        self.name = name
        self.identity = new_identity(name)
        self._zmq: zmq.Context[Any] = zmq.Context()
        self._controller = connected(self._zmq, controller_url, self.identity)
        self._wakeup = Wakeup()
        self._poller = zmq.Poller()
        self._poller.register(self._controller, zmq.POLLIN)
        self._poller.register(self._wakeup, zmq.POLLIN)
        self._running = True
        self._heard = time.monotonic()
        self._latest = ParameterVersion.of(())
        self._versions: dict[int, ParameterVersion] = {}  # those that events of the scan in hand may have
        self._scan = NO_SCAN
        self._failures = Throttle(FAILURES_PER_SECOND)
        self._context: Context = {}
        self._software = importlib.metadata.version("tangods-dranspose")
        self._build = read_build_metadata()

    def run(self) -> None:
        """Work until `stop` is called; then close the user's class, and let go of the sockets."""
        try:
            while self._running:
                if not self._has_work():
                    for readable, _ in self._poller.poll(int(1000 * SILENCE / 10)):
                        if not isinstance(readable, zmq.Socket):
                            self._wakeup.clear()
                        elif readable is not self._controller:
                            self._receive(readable)
                self._work(until=time.monotonic() + LOOK_INTERVAL)
                self._report()
                self._listen()
        except Exception:
            logger.exception("%s ends: this is a bug in dranspose", self.identity)
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
        self._zmq.destroy(linger=0)  # before the user's code, so that the others know at once
        self._wakeup.close()
        try:
            self._close()
        except UserCodeError as error:
            logger.error("%s\n%s", error, error.user_traceback())

    # What the nodes differ in

    @abstractmethod
    def _has_work(self) -> bool:
        """Tell whether `_work` has something to do."""

    @abstractmethod
    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        """Take in all that a socket has."""

    @abstractmethod
    def _work(self, until: float) -> None:
        """Do what there is to do, piece by piece, until this time."""

    @abstractmethod
    def _report(self) -> None:
        """Tell the others what was done since the last time."""

    @abstractmethod
    def _obey(self, message: Message) -> None:
        """Do what the controller says in the scan in hand, or outside of scans."""

    @abstractmethod
    def _begin(self, scan: bytes, version: int) -> None:
        """Make a new instance of the user's class; raises AnalysisError, UserCodeError."""

    @abstractmethod
    def _end(self) -> None:
        """Drop all that belongs to the scan in hand, if there is one."""

    @abstractmethod
    def _close(self) -> None:
        """Call the user's ``close``, if there is an instance."""

    # The controller

    def _send(self, message: Message, scan: bytes) -> None:
        self._controller.send(encode(message, scan))

    def _listen(self) -> None:
        """Do all that the controller has said."""
        for parts in arrived(self._controller):
            self._heard = time.monotonic()
            try:
                scan, message = decode(b"".join(parts))
            except MessageError as error:
                logger.warning("%s left out what the controller sent: %s", self.identity, error)
                continue
            match message:
                case Parameters(version, changed):
                    self._learn(version, changed)
                case Welcome(refusal):
                    if refusal:
                        logger.error("the controller does not take %s in: %s", self.identity, refusal)
                case Arm(_, version):
                    self._arm(scan, version)
                case _ if scan not in (NO_SCAN, self._scan):
                    logger.debug("%s was sent a %s of another scan", self.identity, type(message).__name__)
                case Disarm():
                    self._disarm()
                case _:
                    self._obey(message)
        if self._scan != NO_SCAN and time.monotonic() - self._heard > SILENCE:
            logger.error("%s gives up its scan: the controller has been silent for %g s", self.identity, SILENCE)
            self._disarm()

    def _learn(self, version: int, changed: dict[str, tuple[str, bytes]]) -> None:
        types = {ParameterName(name): TYPES[dtype](name=name) for name, (dtype, _) in changed.items() if dtype}
        self._latest = self._latest.changed(types, {ParameterName(name): data for name, (_, data) in changed.items()})
        self._versions[version] = self._latest

    def _arm(self, scan: bytes, version: int) -> None:
        self._disarm()
        try:
            self._versions = {known: values for known, values in self._versions.items() if known >= version}
            if version not in self._versions:
                raise AnalysisError(f"{self.name} has not got version {version} of the parameters")
            self._begin(scan, version)
        except (AnalysisError, UserCodeError) as error:
            shown = error.user_traceback() if isinstance(error, UserCodeError) else ""
            self._send(Ready(f"{error}\n{shown}".rstrip()), scan)
        else:
            self._scan = scan
            self._send(Ready(), scan)

    def _disarm(self) -> None:
        self._end()
        self._scan = NO_SCAN

    def _tell_failure(self, error: UserCodeError) -> None:
        """Tell the controller that the user's code failed, unless it has failed too often in this second."""
        if self._failures.lets_pass(time.monotonic()):
            event = -1 if error.event_number is None else error.event_number
            self._send(Failure(event, str(error), error.user_traceback()), self._scan)
            logger.error("%s\n%s", error, error.user_traceback())
