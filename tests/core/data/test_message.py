"""Messages have their declared fields checked, and everything else that the sender put in."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest

from dranspose.data.message import MalformedFrameError, Message


@dataclass(frozen=True, eq=False, repr=False)
class Reading(Message):
    kind: Literal["reading", "dark"]
    number: int
    seconds: float
    channels: list[int]
    label: str | int
    hidden: bytes = field(repr=False)
    gain: int = 1
    table: dict[str, int] | None = None

    @property
    def doubled(self) -> int:
        return 2 * self.number


FIELDS = {"kind": "dark", "number": 3, "seconds": 0.5, "channels": [1, 2], "label": "a", "hidden": b"12"}


def test_declared_and_other_fields_are_attributes():
    reading = Reading.from_fields({**FIELDS, "sample": {"name": "LaB6"}})
    assert (reading.number, reading.channels, reading.hidden) == (3, [1, 2], b"12")
    assert reading.sample == {"name": "LaB6"}
    assert reading.doubled == 6


def test_a_field_with_a_default_may_be_missing():
    assert Reading.from_fields(FIELDS).gain == 1
    assert Reading.from_fields({**FIELDS, "gain": 5}).gain == 5


def test_it_prints_its_fields_in_their_order_and_then_the_others():
    reading = Reading.from_fields({"sample": np.float64(1.5), **FIELDS})
    assert str(reading) == "kind='dark' number=3 seconds=0.5 channels=[1, 2] label='a' gain=1 table=None sample=1.5"
    assert (
        repr(reading)
        == "Reading(kind='dark', number=3, seconds=0.5, channels=[1, 2], label='a', gain=1, table=None, sample=1.5)"
    )


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(name):
    with pytest.raises(MalformedFrameError, match=f"Reading lacks the field '{name}'"):
        Reading.from_fields({key: value for key, value in FIELDS.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "flat"),
        ("kind", ["dark"]),
        ("number", "3"),
        ("number", 3.0),
        ("number", True),
        ("number", None),
        ("seconds", "0.5"),
        ("seconds", False),
        ("channels", 1),
        ("channels", (1, 2)),
        ("channels", [1, 2.0]),
        ("channels", [[1]]),
        ("label", 1.5),
        ("gain", None),
        ("table", []),
    ],
)
def test_a_field_of_another_type_is_named_with_its_value(name, value):
    with pytest.raises(MalformedFrameError) as error:
        Reading.from_fields({**FIELDS, name: value})
    assert str(error.value) == f"Reading cannot have {name} = {value!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [("seconds", 2), ("seconds", np.float64(0.5)), ("label", 7), ("channels", []), ("table", {"a": 1})],
)
def test_a_field_takes_all_that_its_type_includes(name, value):
    assert getattr(Reading.from_fields({**FIELDS, name: value}), name) == value


@pytest.mark.parametrize("name", ["doubled", "from_fields", "__class__", "__dict__", "__str__", 5, (1, 2)])
def test_a_field_cannot_take_the_name_of_what_the_class_has(name):
    with pytest.raises(MalformedFrameError, match=re.escape(f"Reading cannot have a field {name!r}")):
        Reading.from_fields({**FIELDS, name: 1})


def test_a_long_value_is_shown_in_part():
    with pytest.raises(MalformedFrameError) as error:
        Reading.from_fields({**FIELDS, "number": "x" * 1000})
    assert len(str(error.value)) < 150


def test_a_message_passes_through_pickle():
    reading = pickle.loads(pickle.dumps(Reading.from_fields({**FIELDS, "sample": "LaB6"})))
    assert reading.sample == "LaB6"
    assert str(reading) == str(Reading.from_fields({**FIELDS, "sample": "LaB6"}))
