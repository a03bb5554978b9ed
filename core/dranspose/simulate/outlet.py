"""The socket on which a simulated detector sends: bound, patient, and obedient to a stop event."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import zmq

from dranspose.event import Frame
from dranspose.multipart import send

LOOKS_FOR_STOP = 100  # ms
LINGER = 60_000  # ms
LINGER_WHEN_STOPPED = 500  # ms
QUEUED_MESSAGES = 1000
UNBOUNDED = 0


class Pace:
    """Time, until it is stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def wait_until(self, due: float) -> bool:
        """Wait until a time of `time.monotonic`; return False if stopped before."""
        while (left := due - time.monotonic()) > 0:
            if self._stop.wait(left):
                return False
        return True


class Outlet(Pace):
    """A bound PUSH or, to `publish`, PUB socket; leaving its context hands over what was sent, within `LINGER`.

    Raises:
        zmq.ZMQError: the URL cannot be bound.
    """

    def __init__(self, url: str, stop: threading.Event, *, publish: bool = False) -> None:
        super().__init__(stop)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB if publish else zmq.PUSH)
        # a PUB socket drops what has no room
        self._socket.setsockopt(zmq.SNDHWM, UNBOUNDED if publish else QUEUED_MESSAGES)
        # a PUSH socket can send once a receiver is there; an XPUB socket reads when one has subscribed
        self._peer_sign = zmq.POLLIN if publish else zmq.POLLOUT
        try:
            self._socket.bind(url)
        except zmq.ZMQError:
            self._context.destroy(linger=0)
            raise
        self.url = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        linger = LINGER_WHEN_STOPPED if error or self._stop.is_set() else LINGER
        # not waited for without end: libzmq 4.3.5 may never close a socket whose receiver leaves in the middle of a
        # message, or with a linger of 0 end the process (clean_pipes in session_base.cpp)
        closing = threading.Thread(target=self._context.destroy, args=(linger,), daemon=True)
        closing.start()
        given_up = time.monotonic() + linger / 1000
        while closing.is_alive() and time.monotonic() < given_up and not self._stop.is_set():
            closing.join(LOOKS_FOR_STOP / 1000)
        closing.join(2 * LINGER_WHEN_STOPPED / 1000)

    def wait_for_peer(self) -> bool:
        """Wait until a receiver is connected; return False if stopped before."""
        return self._wait_for(self._peer_sign)

    def send(self, parts: Sequence[Frame]) -> bool:
        """Send a message as soon as there is room for it; return False if stopped before."""
        while True:
            try:
                send(self._socket, parts)
            except zmq.Again:
                if not self._wait_for(zmq.POLLOUT):
                    return False
            else:
                return True

    def _wait_for(self, sign: int) -> bool:
        while not self._stop.is_set():
            if self._socket.poll(LOOKS_FOR_STOP, sign):
                return True
        return False
