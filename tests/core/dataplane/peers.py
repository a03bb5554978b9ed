"""The other ends of a node under test: sockets that a test speaks through, and a node in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, Generic, Self, TypeVar

import zmq

from dranspose.dataplane.messages import NO_SCAN, Message, decode, encode, encode_in_pieces
from dranspose.dataplane.node import Node
from dranspose.dataplane.sockets import bound, connected, disconnect, endpoint
from dranspose.dataplane.statistics import IngesterCounts, NodeStatistics, ReducerCounts, WorkerCounts
from dranspose.dataplane.wire import Part

PATIENCE = 20_000  # ms until a test that waits in vain fails
SCAN = b"0123456789abcdef"

M = TypeVar("M")
C = TypeVar("C", IngesterCounts, WorkerCounts, ReducerCounts)
N = TypeVar("N", bound=Node)


class Peer:
    """A socket that waits for what is to come."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self.socket.setsockopt(zmq.RCVTIMEO, PATIENCE)

    def receive(self) -> list[Any]:
        return self.socket.recv_multipart(copy=False)


class Router(Peer):
    """A controller, an ingester or a reducer; it speaks to the node that it heard from last."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self._context = context
        super().__init__(bound(context, "tcp://127.0.0.1:*"))
        self.url = endpoint(self.socket)
        self.node = b""

    def restart(self) -> None:
        """Break all connections; and be there again."""
        self.socket.close()
        while True:
            try:
                super().__init__(bound(self._context, self.url))
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE:  # as it is until libzmq has closed the old socket
                    raise
            else:
                return

    def receive(self) -> list[Any]:
        sender, *parts = super().receive()
        self.node = sender.bytes
        return parts

    def hear(self, kind: type[M], scan: bytes = SCAN) -> M:
        """Return the next message, which must be of this kind."""
        said, message = self.hear_anything()
        assert isinstance(message, kind), message
        assert said == scan
        return message

    def hear_anything(self) -> tuple[bytes, Message]:
        """Return the next message with its scan; statistics, which come at any time, are left out."""
        while True:
            (data,) = self.receive()
            said, message = decode(data.bytes)
            if not isinstance(message, NodeStatistics):
                return said, message

    def hear_statistics(self, condition: Callable[[Any], bool]) -> Any:
        """Return the next statistics that fulfil the condition; other messages are left out."""
        while True:
            (data,) = self.receive()
            _, message = decode(data.bytes)
            if isinstance(message, NodeStatistics) and condition(message):
                return message

    def say(self, message: Message, scan: bytes = SCAN) -> None:
        for piece in encode_in_pieces(message, scan):
            self.send([piece])

    def send(self, parts: list[Part]) -> None:
        self.socket.send_multipart([self.node, *parts])


class Dealer(Peer):
    """A worker, to the reducer under test."""

    def __init__(self, context: zmq.Context[Any], url: str, identity: str) -> None:
        super().__init__(connected(context, url, identity))
        self.identity = identity

    def close(self) -> None:
        if not self.socket.closed:
            disconnect(self.socket)

    def say(self, message: Message) -> None:
        self.socket.send(encode(message, NO_SCAN))

    def send(self, parts: list[Part]) -> None:
        self.socket.send_multipart(parts)


class Running(Generic[N]):
    """A node whose loop runs until the end of the ``with``."""

    def __init__(self, node: N) -> None:
        self.node = node
        self.thread = threading.Thread(target=node.run, name=node.identity)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self.thread.join()


def without_bytes(counts: C) -> C:
    """Return the counters with those of bytes set to 0."""
    return replace(counts, **{field.name: 0 for field in fields(counts) if field.name.endswith("bytes")})


@contextmanager
def context() -> Iterator[zmq.Context[Any]]:
    """Make a ZMQ context for the sockets of a test."""
    made: zmq.Context[Any] = zmq.Context()
    try:
        yield made
    finally:
        made.destroy(linger=0)
