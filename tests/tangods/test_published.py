"""What an analysis publishes, as attributes that Tango has types for."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from tango import CmdArgType

from dranspose.publish.tree import Omissions
from dranspose_tango.attributes import MAX_PUBLISHED, plots, published


@pytest.mark.parametrize(
    ("value", "dtype", "rank"),
    [
        (True, CmdArgType.DevBoolean, 0),
        (-3, CmdArgType.DevLong64, 0),
        (2.5, CmdArgType.DevDouble, 0),
        ("µm", CmdArgType.DevString, 0),
        (["a", "b"], CmdArgType.DevString, 1),
        ([1, 2, 3], CmdArgType.DevLong64, 1),
        (np.zeros(0, "f4"), CmdArgType.DevFloat, 1),
        (np.ones((2, 3), "f8"), CmdArgType.DevDouble, 2),
        (np.ones((2, 3), ">u2"), CmdArgType.DevUShort, 2),
        (np.array([-1], "i1"), CmdArgType.DevShort, 1),
        (np.ones((3, 2), "f2").T, CmdArgType.DevFloat, 2),
    ],
)
def test_values_have_types(value: object, dtype: CmdArgType, rank: int) -> None:
    shown = published({"value": value}, Omissions())["value"]
    assert (shown.definition.dtype, shown.definition.rank) == (dtype, rank)
    np.testing.assert_array_equal(shown.value, value)
    if rank == 2:
        assert shown.value.flags.c_contiguous


def test_what_tango_has_no_type_for_is_left_out() -> None:
    assert not published(
        {"cube": np.ones((2, 2, 2)), "complex": 1j, "none": None, "table": np.ones(2, "i4,f4")}, Omissions()
    )


def test_a_value_is_a_copy() -> None:
    array = np.zeros(3)
    shown = published({"array": array}, Omissions())["array"]
    array[:] = 1
    np.testing.assert_array_equal(shown.value, 0)


def test_names_come_from_paths_and_the_rest_from_hdf5_attributes() -> None:
    publish = {
        "map": {"fe K": [1.0], "fe K_attrs": {"units": "counts", "long_name": "Iron", "description": "K lines"}},
        "map_fe_K": 1,
    }
    found = published(publish, Omissions())
    assert list(found) == ["map_fe_K"]
    definition = found["map_fe_K"].definition
    assert (definition.label, definition.unit, definition.doc) == ("Iron", "counts", "K lines")


def test_text_that_tango_cannot_carry_is_shown_by_its_numbers() -> None:
    assert published({"text": "2θ"}, Omissions())["text"].value == "2\\u03b8"


def test_of_very_many_the_first_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    omissions = Omissions()
    for _ in range(2):
        assert len(published({str(i): i for i in range(MAX_PUBLISHED + 1)}, omissions)) == MAX_PUBLISHED
    assert len(caplog.records) == 1


def test_nxdata_groups_tell_what_is_drawn_over_what() -> None:
    publish = {
        "map": {"sum": [1.0], "x": [0.0], "stray": {"NX_class": "NXdata"}},
        "map_attrs": {"NX_class": "NXdata", "signal": "sum", "axes": "x"},
        "stack": {},
        "stack_attrs": {"NX_class": "NXdata", "signal": "fe K", "axes": [".", "y"]},
        "_attrs": {"NX_class": "NXroot", "signal": "map"},
        "no signal": {},
        "no signal_attrs": {"NX_class": "NXdata"},
    }
    assert plots(publish, Omissions()) == ["map_sum map_x", "stack_fe_K . stack_y"]
