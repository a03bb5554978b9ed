"""The sockets between nodes: who binds, who connects, and how a peer that is gone is noticed.

Nodes on one machine are connected by local sockets, which take a third of the processor time of TCP for large frames.
Their names tell where they can be reached: an abstract socket (unix(7)) belongs to a network namespace.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from dranspose.dataplane.keys import KeyedContext

LIVENESS = 1.5  # seconds without any sign of life of a peer's libzmq thread, after which a connection is closed
LIVENESS_RANGE = 0.1, 3600.0
HEARTBEATS = 6  # that a peer answers in this time
_MACHINE = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
_NETWORK = Path("/proc/self/ns/net").stat().st_ino
HERE = f"ipc://@dranspose/{_MACHINE}/{_NETWORK}/"


def new_identity(name: str) -> str:
    """Return a name for this incarnation of a node: a restarted one is never taken for the one before."""
    return f"{name}:{secrets.token_hex(4)}"


def bound(context: zmq.Context[Any], url: str, liveness: float = LIVENESS) -> zmq.Socket[bytes]:
    """Return a ROUTER bound to a URL, port ``*`` for a free one; to send to a peer that is gone raises EHOSTUNREACH."""
    socket = _configured(context, zmq.ROUTER, liveness)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)  # a peer that connects again need not wait for its first connection's end
    try:
        socket.bind(url)
    except zmq.ZMQError:
        socket.close()
        raise
    return socket


def bind_locally(socket: zmq.Socket[bytes]) -> str:
    """Bind a socket to one more URL, for peers on the same machine, and return it."""
    url = HERE + secrets.token_hex(8)
    socket.bind(url)
    return url


def nearest(urls: Sequence[str]) -> str:
    """Return which of a peer's URLs to connect to: a local one of this machine, or else the first."""
    return next((url for url in urls if url.startswith(HERE)), urls[0])


def connected(context: zmq.Context[Any], url: str, identity: str, liveness: float = LIVENESS) -> zmq.Socket[bytes]:
    """Return a DEALER that connects to a ROUTER under this identity."""
    socket = _configured(context, zmq.DEALER, liveness)
    socket.setsockopt_string(zmq.IDENTITY, identity)
    socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    socket.connect(url)
    return socket


def has_broken(socket: zmq.Socket[bytes]) -> bool:
    """Tell whether a connection made by `connected` has ever broken: what was under way then may be lost."""
    return bool(socket.get_monitor_socket().poll(0))


def disconnect(socket: zmq.Socket[bytes]) -> None:
    """Close a socket made by `connected`."""
    socket.get_monitor_socket().close()
    socket.disable_monitor()
    socket.close()


def endpoint(socket: zmq.Socket[bytes]) -> str:
    """Return the URL that a socket is bound to."""
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def _configured(context: zmq.Context[Any], kind: zmq.SocketType, liveness: float) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = context.socket(kind)
    if isinstance(context, KeyedContext):
        context.lock(socket, binds=kind == zmq.ROUTER)
    socket.set_hwm(0)  # what may be under way is limited by windows, and never dropped
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.HEARTBEAT_IVL, round(1000 * liveness / HEARTBEATS))
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, round(1000 * liveness))
    return socket
