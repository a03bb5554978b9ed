"""Maps of what was measured at scattered positions."""

import numpy as np
import pytest

from dranspose.results import Raster


def test_a_pixel_has_the_mean_of_what_was_measured_in_it() -> None:
    raster = Raster(0.5)
    for x, y, value in ((1.0, 2.0, 4.0), (1.2, 1.8, 6.0), (1.5, 2.0, 1.0)):
        raster.add(x, y, value)
    np.testing.assert_array_equal(raster.mean, [[5.0, 1.0]])
    np.testing.assert_array_equal(raster.x, [1.0, 1.5])
    np.testing.assert_array_equal(raster.y, [2.0])


def test_a_weight_is_what_a_value_is_divided_by() -> None:
    raster = Raster(1)
    raster.add(0, 0, 10, 2)
    raster.add(0, 0, 20, 3)
    raster.add(1, 0, 5, 0)
    np.testing.assert_array_equal(raster.mean, [[6.0, np.nan]])


@pytest.mark.parametrize("seed", range(5))
def test_the_map_grows_in_all_directions(seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = random.permutation([(x, y) for x in range(-3, 4) for y in range(-2, 2)])
    raster = Raster(0.1)
    for x, y in cells:
        raster.add(x * 0.1, y * 0.1, 10 * y + x)
    np.testing.assert_allclose(raster.x, np.arange(-3, 4) * 0.1)
    np.testing.assert_allclose(raster.y, np.arange(-2, 2) * 0.1)
    np.testing.assert_array_equal(raster.mean, 10 * np.arange(-2, 2)[:, np.newaxis] + np.arange(-3, 4))


def test_nothing_measured_is_an_empty_map() -> None:
    assert Raster(1).mean.shape == (0, 0)


@pytest.mark.parametrize("x", [np.nan, np.inf, 1e12])
def test_a_position_far_off_loses_nothing_else(x: float) -> None:
    raster = Raster(0.01)
    raster.add(0, 0, 1)
    with pytest.raises((ValueError, OverflowError)):
        raster.add(x, 0, 1)
    np.testing.assert_array_equal(raster.mean, [[1]])


@pytest.mark.parametrize("step", [0, -1, np.nan])
def test_a_step_is_above_0(step: float) -> None:
    with pytest.raises(ValueError, match="step of a raster"):
        Raster(step)
