import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.publish.selection import SelectionError, fields, hyperslab, points

IMAGE = np.arange(24).reshape(4, 6)
CUBE = np.arange(60).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("[0:4,0:6]", IMAGE),
        ("[:,:]", IMAGE),
        ("[1:3,::2]", IMAGE[1:3, ::2]),
        ("[0:4:3, 5]", IMAGE[0:4:3, 5:6]),
        ("[2,2]", IMAGE[2:3, 2:3]),
        ("[2:2,:]", IMAGE[2:2]),
        ("[[0,3],1:3]", IMAGE[[0, 3], 1:3]),
        ("[:,[0,2,5]]", IMAGE[:, [0, 2, 5]]),
        ("[[0,3],[1,5]]", IMAGE[[0, 3], [1, 5]]),
    ],
)
def test_hyperslab(select: str, expected: Any) -> None:
    np.testing.assert_array_equal(hyperslab(IMAGE, select), expected)


def test_lists_that_are_apart_make_one_dimension_where_the_first_is() -> None:
    selected = hyperslab(CUBE, "[1:3,[0,2],[1,4]]")
    np.testing.assert_array_equal(selected, CUBE[1:3, [0, 2], [1, 4]])
    selected = hyperslab(np.moveaxis(CUBE, 0, 1), "[[0,2],1:3,[1,4]]")
    np.testing.assert_array_equal(selected, CUBE[1:3, [0, 2], [1, 4]].T)


def test_ranges_are_not_copied() -> None:
    assert np.shares_memory(hyperslab(IMAGE, "[1:3,2:4]"), IMAGE)


@pytest.mark.parametrize(
    "select",
    [
        "",
        "[",
        "[]",
        "[:]",
        "[:,:,:]",
        "0:1,0:1",
        "[0:5,:]",
        "[3:2,:]",
        "[-1,:]",
        "[-3:-1,:]",
        "[0:4:0,:]",
        "[4,:]",
        "[[0,4],:]",
        "[[-1],:]",
        "[[],:]",
        "[[0,1],[0,1,2]]",
        "[[0,0,0,0,0],:]",
        "[a:b,:]",
        "[1.5,:]",
        "[0:1;0:1]",
        "[٣,:]",
        "[0:99999999999999999999999999,:]",
        "[" + "9" * 10_000 + ",:]",
        "[" + "[" * 1000 + "]" * 1000 + "]",
        "[[" + "0," * 100_000 + "0],:]",
        "[[" + "1" * 100_000 + "x],:]",
    ],
)
def test_a_selection_that_does_not_fit_is_refused(select: str) -> None:
    with pytest.raises(SelectionError):
        hyperslab(IMAGE, select)


def test_nothing_is_selected_from_a_scalar() -> None:
    with pytest.raises(SelectionError, match="0 dimensions"):
        hyperslab(np.array(1), "[0:1]")
    with pytest.raises(SelectionError, match="0 indices"):
        points(np.array(1), np.zeros((1, 0), dtype=int))


@st.composite
def arrays_and_slices(draw: st.DrawFn) -> tuple[np.ndarray, list[slice]]:
    shape = draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))
    slices = []
    for length in shape:
        start = draw(st.integers(0, length))
        slices.append(slice(start, draw(st.integers(start, length)), draw(st.integers(1, 4))))
    return np.arange(np.prod(shape)).reshape(shape), slices


@given(arrays_and_slices())
def test_a_hyperslab_is_what_numpy_slices(case: tuple[np.ndarray, list[slice]]) -> None:
    array, slices = case
    select = ",".join(f"{part.start}:{part.stop}:{part.step}" for part in slices)
    np.testing.assert_array_equal(hyperslab(array, f"[{select}]"), array[tuple(slices)])


@given(st.text(alphabet="[]:,0123456789 -a"))
def test_any_text_selects_or_is_refused(select: str) -> None:
    try:
        selected = hyperslab(IMAGE, select)
    except SelectionError:
        return
    assert selected.size <= IMAGE.size


def test_points() -> None:
    np.testing.assert_array_equal(points(IMAGE, np.array([[0, 1], [3, 5]])), [1, 23])
    np.testing.assert_array_equal(points(IMAGE[0], np.array([[5], [5]], dtype="u8")), [5, 5])
    assert points(IMAGE, np.zeros((0, 2), dtype="u8")).shape == (0,)


@pytest.mark.parametrize(
    "coordinates",
    [
        [0, 1],
        [[0]],
        [[0, 1, 2]],
        [[4, 0]],
        [[-1, 0]],
        [[0.5, 1.0]],
        [["0", "1"]],
        [[2**63, 0]],
        [[2**64, 0]],
        [[[0, 0]]],
    ],
)
def test_points_that_do_not_fit_are_refused(coordinates: Any) -> None:
    with pytest.raises(SelectionError):
        points(IMAGE, np.asarray(coordinates))


def test_fields() -> None:
    table = np.array([(1, 2.5, b"a")], dtype=[("n", "u1"), ("mean", "f8"), ("name", "S1")])
    assert fields(table, ["name", "n"]).tolist() == [(b"a", 1)]
    for array, names in ((table, ["other"]), (table, [""]), (IMAGE, ["n"])):
        with pytest.raises(SelectionError, match=re.escape(repr(names[0]))):
            fields(array, names)
