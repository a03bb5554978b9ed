"""Plays the messages of a stream out of a file, as its detector would send them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import h5py

from dranspose import raw_capture
from dranspose.capture import CaptureReader
from dranspose.event import Frame
from dranspose.protocol import StreamName
from dranspose.simulate.outlet import Outlet
from dranspose.simulate.tcp_outlet import TcpOutlet
from dranspose.sources import hdf5


def messages(path: Path, stream: StreamName | None = None) -> Iterator[list[Frame]]:
    """Yield the messages of one stream in a file.

    Args:
        path: a capture of what an ingester forwarded or a raw one of what a detector sent; or an HDF5 file with images,
            as `hdf5.series` takes it, which are played as STINS.
        stream: which one, if the capture has several; the others have only one, and no name for it.

    Raises:
        OSError: the file cannot be opened.
        CaptureError: it is no capture, or cannot be read from some record on.
        ValueError: it does not have this stream, or has several and none was named; or it is an HDF5 file without
            images.
    """
    if h5py.is_hdf5(str(path).partition(hdf5.SEPARATOR)[0]):
        return hdf5.series(str(path))
    return raw_capture.read(path) if raw_capture.is_raw(path) else _stream_messages(path, stream)


def play(
    to_send: Iterable[Sequence[Frame]],
    url: str,
    stop: threading.Event,
    *,
    rate: float = 0.0,
    publish: bool = False,
    tcp: bool = False,
    bound: Callable[[str], None] = lambda url: None,
) -> int:
    """Bind, wait for a receiver, and send messages; return how many were sent.

    Args:
        to_send: the parts of each message.
        url: where to bind, such as ``tcp://*:9999``.
        stop: ends it early.
        rate: messages per second; 0 for as fast as they are taken.
        publish: bind a PUB socket, not a PUSH socket.
        tcp: listen with a TCP socket, and send bytes without messages.
        bound: is called with the URL once a receiver can connect to it.

    Raises:
        zmq.ZMQError: the URL cannot be bound; over TCP it is OSError, or ValueError if it is no URL.
    """
    sent = 0
    with TcpOutlet(url, stop) if tcp else Outlet(url, stop, publish=publish) as outlet:
        bound(outlet.url)
        if not outlet.wait_for_peer():
            return sent
        begin = time.monotonic()
        for parts in to_send:
            due = begin + (sent / rate if rate else 0)
            if not (outlet.wait_until(due) and outlet.send(parts)):
                break
            sent += 1
    return sent


def _stream_messages(path: Path, stream: StreamName | None) -> Iterator[list[Frame]]:
    seen: set[StreamName] = set()
    for message in CaptureReader(path):
        seen |= message.streams.keys()
        if stream is None:
            if len(seen) > 1:
                raise ValueError(f"{path} has several streams, name one of them: {', '.join(sorted(seen))}")
            stream = next(iter(seen), None)
        if stream in message.streams:
            yield list(message.streams[stream].frames)
    if stream not in seen:
        raise ValueError(f"{path} has no stream {stream!r}, but: {', '.join(sorted(seen))}")
