"""The control messages between the nodes, and how they are written.

A message is a msgpack array: the name of its class, the scan that it belongs to (16 bytes, or none outside of scans),
and its fields in order. What the scheduler is told and what it says (`dranspose.scheduling`) goes over the wire as it
is; beside it there are the messages with which nodes find each other, and a scan begins and ends.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, fields
from typing import Any

import msgpack

from dranspose.acceptance import field_acceptances
from dranspose.dataplane import statistics
from dranspose.parameters import Parameter, described
from dranspose.scheduling import instructions, stimuli
from dranspose.sources.matching import MatchCounts

NO_SCAN = b""
PIECE_BYTES = 2**20

OUTCOME, PARAMETER, RECORD = 1, 2, 3
"""The types of msgpack's extensions that an `Outcome`, a `Parameter` and parts of statistics are written as."""


class MessageError(ValueError):
    """The bytes are not a control message of this version."""


@dataclass(frozen=True, slots=True)
class IngesterHello:
    """An ingester is there: the URLs are where workers connect to, see `sockets.nearest`."""

    name: str
    urls: tuple[str, ...]
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerHello:
    """A worker is there. To the controller, and to each ingester and the reducer when it connects to them."""

    name: str
    tags: tuple[str, ...]
    stateless: bool
    parameters: tuple[Parameter[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ReducerHello:
    """The reducer is there: the URLs are where workers connect to, see `sockets.nearest`."""

    name: str
    urls: tuple[str, ...]
    parameters: tuple[Parameter[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Welcome:
    """To all, in answer to a hello. A node that is not taken in is told why, and again when that has changed."""

    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Ping:
    """Nothing: a peer that is gone shows in the attempt to send it."""


@dataclass(frozen=True, slots=True)
class Peers:
    """To workers: the URLs of the ingesters and the reducer, by their identities."""

    ingesters: dict[str, tuple[str, ...]]
    reducers: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """To ingesters and the reducer: a worker is gone, and will not come again under this identity."""

    worker: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """To all: a version of the parameters; comes before anything that names the version.

    ``changed``: what differs from the version that came before, and all in the first one: type and data by name. The
    type is empty if no class describes the parameter.
    """

    version: int
    changed: dict[str, tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Piece:
    """To all: the next bytes of a long message.

    In one piece it might take longer than a connection may show no sign of life: a parameter of 100 MB takes 0.8 s for
    each worker at 1 Gb/s.
    """

    data: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """To all: a scan begins, with this trigger map (`TriggerMap.to_message`) and version of the parameters."""

    trigger_map: dict[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class Ready:
    """From all: armed. A node that cannot take part says why."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class Disarm:
    """To all: the scan is over, or given up."""


@dataclass(frozen=True, slots=True)
class TickInterval:
    """From a worker: its class wants ticks so many seconds apart. To ingesters: mark events as ticks so often."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """From a worker to the ingesters: it is done with these events: (first, last, attempt) of each range."""

    events: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """From a worker or the reducer: the user's code raised; ``event`` is -1 outside of events."""

    event: int
    text: str
    traceback: str


Hello = IngesterHello | WorkerHello | ReducerHello

Message = Any
"""An instance of one of these classes, or of one of the scheduler's."""

_CLASSES = {
    message.__name__: message
    for message in (
        IngesterHello, WorkerHello, ReducerHello, Welcome, Ping, Peers, WorkerGone, Parameters, Piece, Arm, Ready,
        Disarm, TickInterval, Done, Failure,
        statistics.IngesterStatistics, statistics.WorkerStatistics, statistics.ReducerStatistics,
        instructions.Bind, instructions.Broadcast, instructions.Window, instructions.Solo, instructions.Proceed,
        instructions.Poison,
        instructions.Release, instructions.Fence, instructions.Hold, instructions.UseParameters, instructions.EndAt,
        instructions.FinishWorkers, instructions.FinishReducer,
        stimuli.Finished, stimuli.Started, stimuli.Reduced, stimuli.Fenced, stimuli.Missing, stimuli.Held,
        stimuli.WorkerFinished, stimuli.ReducerFinished,
    )
}  # fmt: skip

_RECORDS = {
    record.__name__: record
    for record in (
        statistics.IngesterCounts, statistics.WorkerCounts, statistics.ReducerCounts, statistics.TimeShares,
        statistics.RecordingStatus, MatchCounts,
    )
}  # fmt: skip


def encode(message: Message, scan: bytes = NO_SCAN) -> bytes:
    """Return the bytes of a message."""
    packed: bytes = msgpack.packb([type(message).__name__, scan, *_content(message)], default=_extension)
    return packed


def encode_in_pieces(message: Message, scan: bytes = NO_SCAN) -> list[bytes]:
    """Return the bytes of a message, or those of the pieces that a long one is sent in."""
    encoded = encode(message, scan)
    if len(encoded) <= PIECE_BYTES:
        return [encoded]
    ends = range(PIECE_BYTES, len(encoded) + PIECE_BYTES, PIECE_BYTES)
    return [encode(Piece(encoded[end - PIECE_BYTES : end], end >= len(encoded)), scan) for end in ends]


def decode(data: bytes) -> tuple[bytes, Message]:
    """Return the scan and the message; raises MessageError."""
    try:
        name, scan, *content = msgpack.unpackb(data, use_list=False, strict_map_key=False, ext_hook=_extended)
        if type(scan) is not bytes:
            raise TypeError(f"its scan is a {type(scan).__name__}")
        return scan, _made(_CLASSES[name], content)
    except (KeyError, TypeError, ValueError, msgpack.UnpackException) as error:
        raise MessageError(f"{data[:40]!r} is no control message: {error!r}") from None


def _made(message_class: type, content: list[Any]) -> Any:
    for (name, accepts), value in zip(field_acceptances(message_class).items(), content, strict=False):
        if not accepts(value):
            raise TypeError(f"{message_class.__name__} cannot have {name} = {reprlib.repr(value)}")
    return message_class(*content)


def _content(instance: Any) -> list[Any]:
    return [getattr(instance, field.name) for field in fields(instance)]


def _extension(value: object) -> msgpack.ExtType:
    if isinstance(value, stimuli.Outcome):
        return msgpack.ExtType(OUTCOME, bytes([value.value]))
    if isinstance(value, Parameter):
        limits = {name: value.to_bytes(limit) for name, limit in value.limits.items()}
        content = value.dtype, value.name, value.description, value.unit, value.to_bytes(value.default), limits
        return msgpack.ExtType(PARAMETER, msgpack.packb(content))
    if type(value).__name__ in _RECORDS:
        return msgpack.ExtType(RECORD, msgpack.packb([type(value).__name__, *_content(value)]))
    raise TypeError(f"{value!r:.60} cannot be in a control message")


def _extended(code: int, data: bytes) -> object:
    if code == OUTCOME:
        return stimuli.Outcome(*data)
    if code == PARAMETER:
        return described(*msgpack.unpackb(data))
    if code == RECORD:
        name, *content = msgpack.unpackb(data)
        return _made(_RECORDS[name], content)
    raise ValueError(f"an extension of type {code}")
