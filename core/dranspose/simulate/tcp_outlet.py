"""The TCP socket on which a simulated detector sends bytes without messages."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from dranspose.event import Frame, frame_bytes
from dranspose.simulate.outlet import LOOKS_FOR_STOP, Pace


class TcpOutlet(Pace):
    """A listening socket that sends to the first receiver; used as an `Outlet` is.

    Raises:
        ValueError: the URL is not ``tcp://HOST:PORT``.
        OSError: it cannot be listened on.
    """

    def __init__(self, url: str, stop: threading.Event) -> None:
        super().__init__(stop)
        address = urlsplit(url)
        if not address.hostname or address.port is None:
            raise ValueError(f"{url!r} is not tcp://HOST:PORT")
        self._listening = socket.create_server((address.hostname, address.port))
        self._listening.settimeout(LOOKS_FOR_STOP / 1000)
        self._receiver: socket.socket | None = None
        self.url = f"tcp://{address.hostname}:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listening.close()
        if self._receiver is not None:
            with self._receiver, contextlib.suppress(OSError):
                self._receiver.shutdown(socket.SHUT_WR)
                self._read_to_end(self._receiver)

    def _read_to_end(self, receiver: socket.socket) -> None:
        """Read until the receiver closes: a socket that is closed with bytes unread takes back what is on its way."""
        while not self._stop.is_set():
            try:
                if not receiver.recv(4096):
                    return
            except TimeoutError:
                continue

    def wait_for_peer(self) -> bool:
        """Wait until a receiver is connected; return False if stopped before."""
        while not self._stop.is_set():
            try:
                self._receiver, _ = self._listening.accept()
            except TimeoutError:
                continue
            self._receiver.settimeout(LOOKS_FOR_STOP / 1000)
            return True
        return False

    def send(self, parts: Sequence[Frame]) -> bool:
        """Send the bytes as soon as there is room for them; return False if stopped before."""
        rest = memoryview(b"".join(map(frame_bytes, parts)))
        while rest and not self._stop.is_set():
            try:
                rest = rest[self._receiver.send(rest) :] if self._receiver else rest
            except TimeoutError:
                continue
        return not rest
