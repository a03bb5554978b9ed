"""How frames and results go from node to node: small pieces together in one part, large ones in parts of their own.

The first part is a msgpack array: how many parts follow, what the items have in common, and a row for each item. A row
has the item's numbers, and last its pieces. In the place of a large piece there is none: it is never copied, and comes
in a part of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgpack
import zmq

from dranspose.event import Frame, StreamData
from dranspose.multipart import COPIED_BELOW, Part

_OTHERWISE = (IndexError, StopIteration, TypeError, ValueError, msgpack.UnpackException)


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
    own: list[Part] = []
    rows = [
        (event, attempt, streams, solo, *((data.typ, _inline(data.frames, own)) if data else (None, ())))
        for event, attempt, streams, solo, data in message.shares
    ]
    return _parts([message.scan, message.stream, message.version, message.ticks], rows, own)


def decode_shares(parts: Sequence[Frame]) -> Shares:
    """Return the message that the parts are; raises WireError."""
    try:
        (scan, stream, version, ticks), rows = _unpacked(parts)
        shares = [
            Share(event, attempt, streams, solo, None if typ is None else StreamData(typ, frames))
            for event, attempt, streams, solo, typ, frames in rows
        ]
        return Shares(scan, stream, version, shares, tuple(ticks))
    except _OTHERWISE as error:
        raise WireError(f"no frames: {error!r:.100}") from None


def encode_results(message: Results) -> list[Part]:
    """Return the parts of a message with results."""
    own: list[Part] = []
    rows = [(event, attempt, version, _inline(pickles, own)) for event, attempt, version, pickles in message.results]
    return _parts([message.scan], rows, own)


def decode_results(parts: Sequence[Frame]) -> Results:
    """Return the message that the parts are; raises WireError."""
    try:
        (scan,), rows = _unpacked(parts)
        return Results(scan, list(map(PickledResult._make, rows)))
    except _OTHERWISE as error:
        raise WireError(f"no results: {error!r:.100}") from None


def _inline(pieces: Sequence[Part], own: list[Part]) -> Sequence[object]:
    """Return the small pieces, and move the large ones to those with parts of their own."""
    for piece in pieces:
        if type(piece) is not bytes or len(piece) >= COPIED_BELOW:
            break
    else:
        return pieces  # the usual case, and the fastest
    inline: list[object] = []
    for piece in pieces:
        if len(piece) >= COPIED_BELOW:
            inline.append(None)
            own.append(piece)
        else:
            inline.append(piece.buffer if isinstance(piece, zmq.Frame) else piece)
    return inline


def _parts(head: list[object], rows: Sequence[object], own: list[Part]) -> list[Part]:
    return [msgpack.packb((len(own), head, rows)), *own]


def _unpacked(parts: Sequence[Frame]) -> tuple[list[Any], list[list[Any]]]:
    """Return the head and the rows, with all their pieces."""
    own_parts, head, rows = msgpack.unpackb(parts[0])
    if own_parts != len(parts) - 1:
        raise ValueError(f"{len(parts) - 1} parts follow, not {own_parts}")
    if own_parts:
        own = iter(parts[1:])
        for row in rows:
            row[-1] = [next(own) if piece is None else piece for piece in row[-1]]
    return head, rows
