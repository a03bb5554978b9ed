"""Plays the messages of a stream out of a capture, as its detector would send them.

Two kinds of captures hold them: those of what an ingester forwarded (`dranspose.capture`), and raw ones of what a
detector sent: a sequence of CBOR arrays of byte strings, an array for each message. Either may be compressed with gzip.
"""

from __future__ import annotations

import gzip
import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import cbor2

from dranspose.capture import GZIP_MAGIC, CaptureError, CaptureReader
from dranspose.event import Frame
from dranspose.protocol import StreamName
from dranspose.simulate.outlet import Outlet

ARRAYS = {bytes([first]) for first in range(0x81, 0xA0)}
"""The first byte of a CBOR array that is not empty (RFC 8949, appendix B)."""


def messages(path: Path, stream: StreamName | None = None) -> Iterator[list[Frame]]:
    """Yield the messages of one stream in a capture of either kind.

    The stream is to be named if the capture has several; a raw capture has only one, and no name for it.

    Raises:
        OSError: the file cannot be opened.
        CaptureError: it is no capture, or cannot be read from some record on.
        ValueError: it does not have this stream, or has several and none was named.
    """
    with _content(path) as content:
        raw = content.peek(1)[:1] in ARRAYS
    return _raw_messages(path) if raw else _stream_messages(path, stream)


def play(
    to_send: Iterable[Sequence[Frame]],
    url: str,
    stop: threading.Event,
    *,
    rate: float = 0.0,
    publish: bool = False,
    bound: Callable[[str], None] = lambda url: None,
) -> int:
    """Bind, wait for a receiver, and send messages; return how many were sent.

    Args:
        to_send: the parts of each message.
        url: where to bind, such as ``tcp://*:9999``.
        stop: ends it early.
        rate: messages per second; 0 for as fast as they are taken.
        publish: bind a PUB socket, not a PUSH socket.
        bound: is called with the URL once a receiver can connect to it.

    Raises:
        zmq.ZMQError: the URL cannot be bound.
    """
    sent = 0
    with Outlet(url, stop, publish=publish) as outlet:
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


class _Decompressed(gzip.GzipFile):
    """Content without seeking: where it can, cbor2 reads ahead and seeks back, which here means to begin anew."""

    def seekable(self) -> bool:
        return False


@contextmanager
def _content(path: Path) -> Iterator[io.BufferedReader[Any] | gzip.GzipFile]:
    with path.open("rb") as file:
        yield _Decompressed(fileobj=file) if file.peek(2)[:2] == GZIP_MAGIC else file


def _raw_messages(path: Path) -> Iterator[list[Frame]]:
    with _content(path) as content:
        while True:
            offset = content.tell()
            try:
                if not content.peek(1):
                    return
                parts = cbor2.load(cast("BinaryIO", content))
            except Exception as error:  # noqa: BLE001 - decoders raise whatever damaged bytes lead them to
                raise CaptureError(
                    f"{path} cannot be read from the message at byte {offset}: {error}", offset
                ) from None
            if not isinstance(parts, list) or not all(isinstance(part, bytes) for part in parts):
                raise CaptureError(f"{path} has no array of byte strings at byte {offset}", offset)
            yield list(parts)


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
