"""A PandABox that sends what it captures over its own TCP port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
{fields}
"""


def values(trigger: int) -> dict[str, float]:
    """Return what is captured at a trigger: a position that goes down, and a counter."""
    return {"INENC1.VAL.Mean": -trigger / 2, "COUNTER1.OUT.Value": trigger}


def arm(triggers: int, content: Callable[[int], Mapping[str, float]] | None = None) -> Iterator[bytes]:
    """Yield what is sent of one arm: the header, a line for each trigger, the end.

    ``content`` gives the values of a trigger, such as ``INENC1.VAL.Mean``, in place of `values`; before them comes
    ``PCAP.TS_TRIG.Value`` = i / 1000.
    """
    content = content or values
    armed = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = "".join(_field(name, value) for name, value in content(0).items())
    yield HEADER.format(arm_time=armed, fields=fields).encode()
    for i in range(triggers):
        yield f" {i / 1000} {' '.join(map(str, content(i).values()))}\n".encode()
    yield f"END {triggers} Ok\n".encode()


def _field(name: str, value: float) -> str:
    """Return the line of the header about a value; those of integers are not scaled."""
    place, _, capture = name.rpartition(".")
    kind, scale = ("uint32", "") if isinstance(value, int) else ("double", " scale: 1 offset: 0")
    return f" {place} {kind} {capture}{scale}\n"


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
