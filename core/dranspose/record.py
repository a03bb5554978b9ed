"""Records what a detector sends, whatever its protocol is, as a raw capture."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from enum import Enum
from urllib.parse import urlsplit

import zmq

from dranspose.event import Frame

LOOKS_FOR_STOP = 0.1  # s
PIECE_BYTES = 2**16
CONNECT_TIMEOUT = 5.0  # s


class Kind(Enum):
    """What to receive with."""

    PULL = "pull"
    SUB = "sub"
    TCP = "tcp"


def received(kind: Kind, url: str, stop: threading.Event, greeting: bytes = b"") -> Iterator[list[Frame]]:
    """Connect, and yield the parts of each message that arrives, or each piece of a TCP stream.

    Args:
        kind: a ZMQ socket, which waits for who is to be there later; or TCP, which ends when the other side closes.
        url: where to connect to, such as ``tcp://detector:9999``.
        stop: ends it.
        greeting: what to send first over TCP.

    Raises:
        ValueError: the URL is none to connect to.
        OSError: nobody is there (TCP), or the connection broke.
    """
    return _pieces(url, stop, greeting) if kind is Kind.TCP else _messages(kind, url, stop)


def _messages(kind: Kind, url: str, stop: threading.Event) -> Iterator[list[Frame]]:
    with zmq.Context() as context, context.socket(zmq.SUB if kind is Kind.SUB else zmq.PULL) as receiver:
        receiver.setsockopt(zmq.LINGER, 0)
        if kind is Kind.SUB:
            receiver.setsockopt(zmq.RCVHWM, 0)  # what has no room is dropped
            receiver.subscribe(b"")
        try:
            receiver.connect(url)
        except zmq.ZMQError as error:
            raise ValueError(f"cannot connect to {url!r}: {error}") from None
        while not stop.is_set():
            if receiver.poll(int(1000 * LOOKS_FOR_STOP)):
                yield list(receiver.recv_multipart())


def _pieces(url: str, stop: threading.Event, greeting: bytes) -> Iterator[list[Frame]]:
    address = urlsplit(url)
    if not address.hostname or not address.port:
        raise ValueError(f"{url!r} is not tcp://HOST:PORT")
    with socket.create_connection((address.hostname, address.port), CONNECT_TIMEOUT) as connection:
        connection.sendall(greeting)
        connection.settimeout(LOOKS_FOR_STOP)
        while not stop.is_set():
            try:
                piece = connection.recv(PIECE_BYTES)
            except TimeoutError:
                continue
            if not piece:
                return
            yield [piece]
