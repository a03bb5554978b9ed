"""For how long a peer may show no sign of life: the same on all connections of an ensemble."""

import queue
import socket
import threading
from contextlib import ExitStack
from typing import Any

import pytest
import zmq
from tests.core.dataplane.peers import PATIENCE, Running

from dranspose.dataplane import controller, ingester, node, reducer, worker
from dranspose.dataplane.controller import Controller
from dranspose.dataplane.ingester import Ingester
from dranspose.dataplane.reducer import Reducer
from dranspose.dataplane.sockets import bound, endpoint
from dranspose.dataplane.worker import Worker

SECONDS = PATIENCE / 1000
LONG = 30.0
SOCKETS = 8  # the controller's, two of the ingester and the reducer each, and the worker's three

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
PROPERTY = b"\x0bSocket-Type" + (6).to_bytes(4, "big") + b"DEALER"
READY = b"\x04" + bytes([6 + len(PROPERTY)]) + b"\x05READY" + PROPERTY
"""What a peer begins with (ZMTP 3.1, RFC 37)."""


def test_a_peer_that_never_answers_is_given_up() -> None:
    with zmq.Context() as context, bound(context, "tcp://127.0.0.1:*", liveness=0.1) as router:
        host, port = endpoint(router).removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), timeout=SECONDS) as peer:
            peer.sendall(GREETING + READY)
            while peer.recv(1000):  # until the other end closes
                pass
        assert router.getsockopt(zmq.HEARTBEAT_TIMEOUT) == 100


def test_every_socket_of_every_node_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: queue.SimpleQueue[object] = queue.SimpleQueue()

    def noting(make: Any) -> Any:
        def made(*arguments: Any) -> Any:
            told.put(arguments[-1])
            return make(*arguments)

        return made

    for module in (controller, ingester, node, reducer, worker):
        for name in {"bound", "connected"} & vars(module).keys():
            monkeypatch.setattr(module, name, noting(getattr(module, name)))
    control = Controller(liveness=LONG)
    thread = threading.Thread(target=control.run)
    thread.start()
    with ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(control.stop)
        for member in (
            Ingester("ingester", control.url, [], liveness=LONG),
            Reducer("reducer", control.url, type("Reducing", (), {}), liveness=LONG),
            Worker("worker", control.url, type("Working", (), {}), liveness=LONG),
        ):
            stack.enter_context(Running(member))
        assert [told.get(timeout=SECONDS) for _ in range(SOCKETS)] == [LONG] * SOCKETS


@pytest.mark.parametrize("liveness", [0.0, -1.0, float("nan"), float("inf")])
def test_one_that_makes_no_sense_is_refused(liveness: float) -> None:
    with pytest.raises(ValueError, match=r"has to be from 0\.1 to 3600\.0 s"):
        Controller(liveness=liveness)
