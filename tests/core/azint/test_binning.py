"""Bins along an axis: which values they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.azint.binning import Axis

VALUES = [-0.1, 0, 0.5, 1, 1.5, 2, 3, 3.1, np.inf, -np.inf, np.nan]
BINS = [-1, -1, 0, 0, 1, 1, 2, -1, -1, -1, -1]


@pytest.mark.parametrize("bins", [3, np.int64(3), [0, 1, 2, 3], np.arange(4.0)])
def test_a_bin_holds_its_upper_edge_not_its_lower_one(bins):
    assert Axis.of(bins, 0, 3).find(np.array(VALUES)).tolist() == BINS


@pytest.mark.parametrize("bins", [[-2, 0, 3], (-2, 0, 3)])
def test_edges_are_taken_as_they_are(bins):
    axis = Axis.of(bins, 0, 1)
    assert axis.edges.tolist() == [-2, 0, 3]
    assert axis.centres.tolist() == [-1, 1.5]
    assert len(axis) == 2


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(1, 50), st.lists(st.floats(0, 1), max_size=30))
def test_a_number_of_bins_and_their_edges_are_the_same_axis(start, length, number, places):
    counted = Axis.of(number, start, start + length)
    listed = Axis.of(counted.edges, 0, 0)
    values = start + length * np.array([*places, 0, 1])
    values = values[
        np.abs(values[:, None] - counted.edges[1:-1]).min(axis=1, initial=np.inf) > 1e-9 * (length + abs(start))
    ]
    assert np.array_equal(counted.find(values), listed.find(values))


def test_values_keep_their_shape():
    assert Axis.of(2, 0, 1).find(np.full((3, 4), 0.7)).tolist() == [[1] * 4] * 3
