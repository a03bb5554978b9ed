"""Parser of a PandABox's position capture over its own TCP port: lines of values, after a header that names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from dranspose.data.message import MalformedFrameError
from dranspose.data.positioncap import PositionCapEnd, PositionCapField, PositionCapStart, PositionCapValues
from dranspose.event import StreamData, frame_bytes

TYPE = "PCAP_RAW"
ARM_TIME = "arm_time: "
FIELDS = "fields:"
END = "END "


class _Column(NamedTuple):
    name: str
    type: str
    read: Callable[[str], int | float]


class PositioncapParser:
    """Parses one stream; values can be parsed once a header was, and are what the latest header says."""

    def __init__(self) -> None:
        self._columns: Sequence[_Column] = ()

    def parse(self, stream: StreamData) -> PositionCapStart | PositionCapValues | PositionCapEnd:
        """Return the message that the frame holds: a whole header, a line of values, or the line of the end.

        Raises:
            MalformedFrameError: it is none, or these are values of which no header told.
        """
        if stream.typ != TYPE:
            raise MalformedFrameError(f"a stream of type {stream.typ!r} is not {TYPE}")
        if stream.length != 1:
            raise MalformedFrameError(f"a {TYPE} message has one frame, not {stream.length}")
        try:
            text = frame_bytes(stream.frames[0]).decode()
        except UnicodeDecodeError as error:
            raise MalformedFrameError(f"frame 0 is not text: {error}") from None
        if text.startswith(" "):
            return self._values(text.split())
        if text.startswith(END):
            return PositionCapEnd()
        return self._header(text.splitlines())

    def _header(self, lines: list[str]) -> PositionCapStart:
        if FIELDS not in lines:
            raise MalformedFrameError("frame 0 is no header: it has no line 'fields:'")
        at = lines.index(FIELDS)
        columns = [_column(line) for line in lines[at + 1 :] if line]
        for line in lines[:at]:
            if line.startswith(ARM_TIME):
                start = PositionCapStart(_time(line.removeprefix(ARM_TIME)))
                self._columns = columns
                return start
        raise MalformedFrameError("frame 0 is no header: it has no arm_time")

    def _values(self, values: list[str]) -> PositionCapValues:
        if not self._columns:
            raise MalformedFrameError("these are values of a PandABox of which no header was parsed")
        if len(values) != len(self._columns):
            raise MalformedFrameError(f"there are {len(values)} values of {len(self._columns)} fields")
        try:
            return PositionCapValues(
                {
                    column.name: PositionCapField(column.name, column.type, column.read(value))
                    for column, value in zip(self._columns, values, strict=True)
                }
            )
        except ValueError as error:
            raise MalformedFrameError(f"a value is not what the header says: {error}") from None


def _column(line: str) -> _Column:
    """Return what a line such as `` INENC1.VAL double Mean scale: 1 offset: 0 units: mm`` tells of a column."""
    match line.split():
        case [name, type_name, capture, *_]:
            return _Column(f"{name}.{capture}", type_name, float if type_name in ("double", "float") else int)
        case _:
            raise MalformedFrameError(f"{line!r:.80} is no field of a header")


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise MalformedFrameError(f"arm_time is no time but {text!r:.80}") from None
