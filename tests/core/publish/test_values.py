import math
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.publish.values import UnpublishableError, as_array


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (5, "<i8", ()),
        (2**63, "<u8", ()),
        (1.5, "<f8", ()),
        (True, "?", ()),
        (1j, "<c16", ()),
        ("text", "O", ()),
        (np.str_("text"), "O", ()),
        (b"abc", "S3", ()),
        (b"", "S1", ()),
        (b"a\0", "V2", ()),
        (bytearray(b"ab"), "u1", (2,)),
        ([], "<f8", (0,)),
        ([1, 2.5], "<f8", (2,)),
        ([[1, 2], [3, 4], [5, 6]], "<i8", (3, 2)),
        ([np.zeros(4, "f4"), np.ones(4, "f4")], "<f4", (2, 4)),
        ((True, False), "?", (2,)),
        (["a", "bb"], "O", (2,)),
        ([b"a", b"bb"], "S2", (2,)),
        (np.array(["a"], dtype=object), "O", (1,)),
        (np.array(["a"], dtype=np.dtypes.StringDType()), "O", (1,)),
        (np.array([["ab"]]), "O", (1, 1)),
        (np.float32(1), "<f4", ()),
        (np.zeros(2, ">i2"), ">i2", (2,)),
        (np.zeros((2, 0), "u4"), "<u4", (2, 0)),
        (range(3), "<i8", (3,)),
    ],
)
def test_a_value_has_the_type_that_h5py_would_write(value: Any, dtype: str, shape: tuple[int, ...]) -> None:
    array = as_array(value)
    assert array is not None
    assert array.dtype == np.dtype(dtype)
    assert array.shape == shape


def test_none_is_a_dataset_without_value() -> None:
    assert as_array(None) is None


def test_an_array_is_not_copied() -> None:
    image = np.zeros((10, 10))
    assert as_array(image) is image


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**64, "int: publish numbers of at most 64 bits"),
        ([1, "a"], "no type for int and str"),
        ([b"a", "a"], "no type for bytes and str"),
        ([b"a", 1], "no type for bytes and int"),
        ([1.5, None], "no type for NoneType and float"),
        ({1, 2}, "no type for set"),
        (deque([{}]), "no type for dict"),
        (Path("x"), "no type for "),
        (np.array([1, "a"], dtype=object), "no type for int and str"),
        ([[1, 2], [3]], "rows of a nested list need one length"),
        (np.array(["2026-11-22"], dtype="M8[s]"), "no dates and times"),
        (np.timedelta64(1, "s"), "no dates and times"),
        (np.zeros(1, dtype=[("at", "M8[s]")]), "field 'at': HDF5 has no dates and times"),
        (np.zeros(1, dtype=[("in", [("name", "U4")])]), "field 'in': field 'name': text in a structured array"),
        (np.longdouble(1), "is not portable"),
        (np.zeros(2, dtype="V0"), "no bytes"),
        ("a\0b", "ends at a NUL"),
        (["a", "\ud800"], "no valid Unicode"),
        (np.zeros((1,) * 33), "at most 32 dimensions"),
    ],
)
def test_a_value_without_hdf5_type_says_why(value: Any, reason: str) -> None:
    with pytest.raises(UnpublishableError, match=reason):
        as_array(value)


def test_a_class_that_raises_is_named() -> None:
    class Broken:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            raise LookupError("no device")

    with pytest.raises(UnpublishableError, match="LookupError: no device"):
        as_array(Broken())


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()


@given(st.recursive(leaves, lambda children: st.lists(children) | st.tuples(children, children), max_leaves=8))
def test_anything_is_an_array_or_says_why_not(value: Any) -> None:
    try:
        array = as_array(value)
    except UnpublishableError:
        return
    assert array is None or array.dtype.kind in "biufcSVO"


def test_floats_keep_every_bit() -> None:
    array = as_array([math.pi, math.inf, -0.0])
    assert array is not None
    assert array.tobytes() == np.array([math.pi, math.inf, -0.0]).tobytes()
