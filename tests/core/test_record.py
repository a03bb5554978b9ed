"""What a socket sends is recorded and played back byte for byte, whatever it is."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from dranspose import raw_capture
from dranspose.raw_capture import RawCaptureWriter
from dranspose.record import Kind, received
from dranspose.simulate.player import play

TIMEOUT = 30  # seconds
MESSAGES = [[b"start", b""], [b"\x00\xff" * 50_000], [b"end"]]


@contextmanager
def playing(messages: Any, url: str = "tcp://127.0.0.1:*", **options: Any) -> Iterator[str]:
    stop = threading.Event()
    bound: queue.Queue[str] = queue.Queue()
    with ThreadPoolExecutor() as pool:
        try:
            played = pool.submit(play, messages, url, stop, bound=bound.put, **options)
            yield bound.get(timeout=TIMEOUT)
        finally:
            stop.set()
        played.result(TIMEOUT)


@pytest.mark.parametrize("kind", [Kind.PULL, Kind.SUB])
@pytest.mark.parametrize("name", ["raw.cbors", "raw.cbors.gz"])
def test_messages_are_recorded_and_played_back(tmp_path: Path, kind: Kind, name: str) -> None:
    path, publish = tmp_path / name, kind is Kind.SUB
    for _ in range(2):  # appended the second time
        with playing(MESSAGES, publish=publish) as url, RawCaptureWriter(path) as capture:
            for parts in islice(received(kind, url, threading.Event()), len(MESSAGES)):
                capture.write(parts)
    assert raw_capture.is_raw(path)
    assert list(raw_capture.read(path)) == 2 * MESSAGES
    with playing(raw_capture.read(path), publish=publish) as url:
        assert list(islice(received(kind, url, threading.Event()), 2 * len(MESSAGES))) == 2 * MESSAGES


def test_bytes_are_recorded_and_played_back(tmp_path: Path) -> None:
    path = tmp_path / "raw.cbors"
    for messages in (MESSAGES, raw_capture.read(path)):
        # the player ends, and with it the stream
        with playing(messages, "tcp://127.0.0.1:0", tcp=True) as url:
            pieces = list(received(Kind.TCP, url, threading.Event()))
        assert b"".join(piece for [piece] in pieces) == b"".join(part for parts in MESSAGES for part in parts)
        with RawCaptureWriter(path) as capture:
            for piece in pieces if messages is MESSAGES else ():
                capture.write(piece)


def test_a_tcp_server_is_greeted_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        recorded = pool.submit(lambda: list(received(Kind.TCP, url, threading.Event(), b"\n")))
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b"\n"
            connection.sendall(b"OK\n")
        assert recorded.result(TIMEOUT) == [[b"OK\n"]]


@pytest.mark.parametrize("kind", Kind)
def test_recording_can_be_stopped(kind: Kind) -> None:
    stop = threading.Event()
    stop.set()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert list(received(kind, f"tcp://127.0.0.1:{server.getsockname()[1]}", stop)) == []


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("url", ["", "tcp://", "nowhere:1"])
def test_a_url_that_cannot_be_connected_to(kind: Kind, url: str) -> None:
    with pytest.raises(ValueError, match=r"cannot connect to|is not tcp://HOST:PORT"):
        next(received(kind, url, threading.Event()))


@pytest.mark.parametrize("url", ["", "tcp://127.0.0.1", "tcp://:5"])
def test_a_url_that_cannot_be_played_at(url: str) -> None:
    with pytest.raises(ValueError, match="is not tcp://HOST:PORT"):
        play(MESSAGES, url, threading.Event(), tcp=True)
