"""Values of Tango attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dranspose.data.message import Message


@dataclass(frozen=True, eq=False, repr=False)
class TangoAttributeStart(Message):
    """The start of a scan, with the value at that time; ``attribute`` is the name that the stream was given."""

    kind: Literal["start"]
    attribute: str
    time: float
    quality: str
    value: Any


@dataclass(frozen=True, eq=False, repr=False)
class TangoAttributeValue(Message):
    """A value.

    ``time`` is in s since 1970, as the device tells it; ``quality`` is ``ATTR_VALID``, ``ATTR_ALARM``,
    ``ATTR_WARNING``, ``ATTR_CHANGING`` or ``ATTR_INVALID``. ``value`` is a number, a truth value, a text (the name of
    a state, too), a read-only array of numbers or truth values of one or two dimensions, a list of texts, or a list of
    such lists; the bytes of a DevEncoded are an array, with ``format`` beside it. It is None while the device has none.
    """

    kind: Literal["value"]
    attribute: str
    time: float
    quality: str
    value: Any


@dataclass(frozen=True, eq=False, repr=False)
class TangoAttributeEnd(Message):
    """The end of a scan."""

    kind: Literal["end"]
    attribute: str
