"""Messages of a STINS detector, as an ingester forwards them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dranspose.capture import encode_record
from dranspose.event import InternalWorkerMessage, StreamData
from dranspose.protocol import EventNumber, StreamName

START = {"htype": "header", "filename": ""}
IMAGE = {"htype": "image", "shape": [2, 2], "type": "uint8", "compression": "none"}
END = {"htype": "series_end"}


def packet(header: dict[str, Any], number: int, *blobs: bytes) -> StreamData:
    return StreamData("STINS", [json.dumps({**header, "msg_number": number}).encode(), *blobs])


def message(number: int, **streams: StreamData) -> InternalWorkerMessage:
    return InternalWorkerMessage(EventNumber(number), {StreamName(name): data for name, data in streams.items()})


def start(number: int = 0, stream: str = "xrd") -> InternalWorkerMessage:
    return message(number, **{stream: packet(START, number)})


def image(number: int, stream: str = "xrd", pixels: bytes = bytes(4)) -> InternalWorkerMessage:
    return message(number, **{stream: packet({**IMAGE, "frame": number}, number, pixels)})


def end(number: int, stream: str = "xrd") -> InternalWorkerMessage:
    return message(number, **{stream: packet(END, number)})


def series(images: int, stream: str = "xrd") -> list[InternalWorkerMessage]:
    """Return a start, images numbered from 1, and an end."""
    return [start(0, stream), *(image(i, stream) for i in range(1, images + 1)), end(images + 1, stream)]


def write_capture(path: Path, messages: Iterable[InternalWorkerMessage]) -> Path:
    path.write_bytes(b"".join(encode_record(message) for message in messages))
    return path
