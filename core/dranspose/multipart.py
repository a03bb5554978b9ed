"""Messages of several parts on ZMQ sockets, as fast as pyzmq sends and receives them; nothing here waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import zmq

Part = bytes | bytearray | memoryview | zmq.Frame

COPIED_BELOW = 65536
"""Bytes: to copy a smaller part costs less than to hand it over, or to keep the message that it came in."""

NO_WAIT = int(zmq.DONTWAIT)  # to combine enums takes as long as to send a part
MORE = int(zmq.SNDMORE)


def send(socket: zmq.Socket[bytes], parts: Sequence[Part]) -> None:
    """Send a message, of which large parts are not copied.

    Raises:
        zmq.Again: there is no room for it.
        zmq.ZMQError: EHOSTUNREACH from a ROUTER, if the peer is gone.
    """
    last = parts[-1]
    for part in parts[:-1]:
        socket.send(part, MORE | NO_WAIT, copy=len(part) < COPIED_BELOW)
    socket.send(last, NO_WAIT, copy=len(last) < COPIED_BELOW)


def arrived(socket: zmq.Socket[bytes], at_most: int = sys.maxsize) -> Iterator[list[zmq.Frame]]:
    """Yield the messages that a socket has, each as its parts, until it has no more, or so many were yielded."""
    for _ in range(at_most):
        try:
            part = socket.recv(NO_WAIT, copy=False)
        except zmq.Again:
            return
        parts = [part]
        while part.more:  # cheaper than to ask the socket, as `recv_multipart` does
            part = socket.recv(NO_WAIT, copy=False)
            parts.append(part)
        yield parts
