"""A PandABox that sends what it captures over its own TCP port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime

LOOKS_FOR_STOP = 0.1  # seconds
SEND_TIMEOUT = 60.0  # seconds

HEADER = """\
arm_time: {arm_time}
missed: 0
process: Scaled
format: ASCII
fields:
 PCAP.TS_TRIG double Value scale: 8e-09 offset: 0 units: s
 INENC1.VAL double Mean scale: 0.001 offset: 0 units: mm
 COUNTER1.OUT uint32 Value

"""


def arm(triggers: int) -> Iterator[bytes]:
    """Yield what is sent of one arm: the header, a line for each trigger, the end.

    Trigger i is at ``PCAP.TS_TRIG.Value`` = i / 1000, ``INENC1.VAL.Mean`` = -i / 2 and ``COUNTER1.OUT.Value`` = i.
    """
    yield HEADER.format(arm_time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")).encode()
    for i in range(triggers):
        yield f" {i / 1000} {-i / 2} {i}\n".encode()
    yield f"END {triggers} Ok\n".encode()


def serve(
    to_send: Iterable[bytes],
    address: tuple[str, int],
    stop: threading.Event,
    *,
    rate: float = 0.0,
    disconnect_before: Collection[int] = (),
    bound: Callable[[str], None] = lambda url: None,
) -> int:
    """Listen, wait for a client to ask for data, and send until it goes; return how many were sent.

    Args:
        to_send: headers, lines and ends.
        address: host and port to listen at; port 0 for any.
        stop: ends it early.
        rate: of them per second; 0 for as fast as they are taken.
        disconnect_before: indices of them before which the connection is closed; the next client gets the rest.
        bound: is called with the URL once a client can connect.

    Raises:
        OSError: the address cannot be listened at, or the client has not read for a minute.
    """
    with socket.create_server(address) as server:
        server.settimeout(LOOKS_FOR_STOP)
        host, port = server.getsockname()[:2]
        bound(f"tcp://{host}:{port}")
        sent = 0
        client = _next_client(server, stop)
        begin = time.monotonic()
        try:
            for text in to_send:
                if client and sent in disconnect_before:
                    client.close()
                    client = _next_client(server, stop)
                due = begin + (sent / rate if rate else 0)
                if not client or stop.wait(max(0.0, due - time.monotonic())):
                    break
                client.sendall(text)
                sent += 1
        except ConnectionError:  # the client has what it wanted
            pass
        finally:
            if client:
                client.close()
    return sent


def _next_client(server: socket.socket, stop: threading.Event) -> socket.socket | None:
    """Return the connection to a client that asked for data, None if stopped before."""
    while not stop.is_set():
        try:
            client, _ = server.accept()
        except TimeoutError:
            continue
        client.settimeout(SEND_TIMEOUT)
        if client.recv(1) == b"\n":
            client.sendall(b"OK\n")
            return client
        client.close()
    return None
