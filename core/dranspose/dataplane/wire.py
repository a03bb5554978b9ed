"""How frames and results go from node to node: small pieces together in one part, large ones in parts of their own.

The first part of a message is a mark that no control message begins with, the length of what follows in msgpack,
``[head, numbers]``, and all small pieces one after the other. A part for each large piece follows, which is never
copied. The numbers say of each item: its own numbers, how many pieces it has, and the length of each piece, -1 for one
with a part of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack
import zmq

from dranspose.event import Frame, StreamData, frame_bytes
from dranspose.multipart import COPIED_BELOW, Part

OWN_PART = -1
LOST = -1
MARK = b"\xc1"  # msgpack's only byte that it never uses
LENGTH_BYTES = 4
BEGIN = len(MARK) + LENGTH_BYTES


class WireError(ValueError):
    """The parts of a message are not those of a node of this version."""


class Share(NamedTuple):
    """What a worker gets of one stream in an event, in one attempt.

    ``streams`` is how many streams the worker gets of the event in this attempt: with the last of them it is whole.
    ``solo``: the worker was given the event by `Solo`, and reports `Started` before it is processed.
    ``data`` is None where the frame was lost; the worker then goes on without this stream.
    """

    event: int
    attempt: int
    streams: int
    solo: bool
    data: StreamData | None


@dataclass(frozen=True, slots=True)
class Shares:
    """Frames of one stream for one worker, in events that all have the same version of the parameters.

    ``ticks``: those of the events that are ticks.
    """

    scan: bytes
    stream: str
    version: int
    shares: list[Share]
    ticks: tuple[int, ...] = ()


class PickledResult(NamedTuple):
    """What a worker returned: a pickle, and its large buffers out of band (pickle protocol 5)."""

    event: int
    attempt: int
    version: int
    pickles: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Results:
    """Results of the worker that sends them."""

    scan: bytes
    results: list[PickledResult]


def encode_shares(message: Shares) -> list[Part]:
    """Return the parts of a message with frames."""
    types: dict[str, int] = {}
    packer = _Packer()
    for event, attempt, streams, solo, data in message.shares:
        if data is None:
            packer.add((event, attempt, streams, solo, LOST), ())
        else:
            packer.add((event, attempt, streams, solo, types.setdefault(data.typ, len(types))), data.frames)
    return packer.parts([message.scan, message.stream, message.version, list(types), message.ticks])


def decode_shares(parts: Sequence[Frame]) -> Shares:
    """Return the message that the parts are; raises WireError."""
    (scan, stream, version, types, ticks), items = _unpacked(parts, head=5, own=5)
    shares = [
        Share(event, attempt, streams, bool(solo), None if typ == LOST else StreamData(types[typ], pieces))
        for (event, attempt, streams, solo, typ), pieces in items
    ]
    return Shares(scan, stream, version, shares, tuple(ticks))


def is_data(parts: Sequence[zmq.Frame]) -> bool:
    """Tell whether these are the parts of one of these messages, and not those of a control message."""
    return parts[0].bytes.startswith(MARK)


def encode_results(message: Results) -> list[Part]:
    """Return the parts of a message with results."""
    packer = _Packer()
    for event, attempt, version, pickles in message.results:
        packer.add((event, attempt, version), pickles)
    return packer.parts([message.scan])


def decode_results(parts: Sequence[Frame]) -> Results:
    """Return the message that the parts are; raises WireError."""
    (scan,), items = _unpacked(parts, head=1, own=3)
    results = [PickledResult(event, attempt, version, pieces) for (event, attempt, version), pieces in items]
    return Results(scan, results)


class _Packer:
    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._small: list[bytes | bytearray | memoryview] = []
        self._own: list[Part] = []

    def add(self, own_numbers: Iterable[int], pieces: Sequence[Part]) -> None:
        numbers = self._numbers
        numbers += own_numbers
        numbers.append(len(pieces))
        for piece in pieces:
            length = len(piece)
            if length < COPIED_BELOW:
                numbers.append(length)
                self._small.append(piece.buffer if isinstance(piece, zmq.Frame) else piece)
            else:
                numbers.append(OWN_PART)
                self._own.append(piece)

    def parts(self, head: list[object]) -> list[Part]:
        packed = msgpack.packb([head, self._numbers])
        return [b"".join((MARK, len(packed).to_bytes(LENGTH_BYTES, "little"), packed, *self._small)), *self._own]


def _unpacked(parts: Sequence[Frame], head: int, own: int) -> tuple[list[Any], list[tuple[list[int], list[Frame]]]]:
    """Return the head, and of each item its own numbers and its pieces."""
    try:
        content = frame_bytes(parts[0])
        if not content.startswith(MARK):
            raise ValueError(f"it begins with {content[:1]!r}")
        end = BEGIN + int.from_bytes(content[len(MARK) : BEGIN], "little")
        found, numbers = msgpack.unpackb(content[BEGIN:end])
        if len(found) != head:
            raise ValueError(f"a head of {len(found)} fields")
        return found, list(_items(numbers, content, end, parts, own))
    except (IndexError, TypeError, ValueError, msgpack.UnpackException) as error:
        raise WireError(f"not a data message: {error!r}") from None


def _items(
    numbers: list[int], content: bytes, at: int, parts: Sequence[Frame], own: int
) -> Iterator[tuple[list[int], list[Frame]]]:
    """Yield the items, of which the small pieces are in the content from a place on."""
    place, used = 0, 1
    while place < len(numbers):
        first = place + own + 1
        pieces: list[Frame] = []
        for length in numbers[first : first + numbers[first - 1]]:
            if length == OWN_PART:
                pieces.append(parts[used])
                used += 1
            else:
                pieces.append(content[at : at + length])
                at += length
        yield numbers[place : first - 1], pieces
        place = first + len(pieces)
    if at != len(content) or used != len(parts):
        raise ValueError("its pieces are not as long as it says")
