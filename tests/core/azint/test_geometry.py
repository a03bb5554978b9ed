"""Angles around and away from the beam, at the places where formulas lose digits."""

import math

import numpy as np
import pytest

from dranspose.azint.geometry import azimuth, scattering_angle, scattering_vector


@pytest.mark.parametrize("start", [0.0, -45.0, -180.0, 30.0])
@pytest.mark.parametrize("offset", [0.0, 1e-19, -1e-19, 1e-9, -1e-9, 0.3, -0.3, 3.0, math.pi])
def test_every_azimuth_lies_within_one_turn_from_the_start(start, offset):
    angle = math.radians(start) + offset
    found = azimuth(np.array([math.sin(angle)]), np.array([math.cos(angle)]), start)[0]
    assert start < found <= start + 360
    assert math.isclose(math.cos(math.radians(found) - angle), 1, abs_tol=1e-9)


def test_a_point_just_beyond_the_start_is_not_lost():
    assert 0 < azimuth(np.array([1e-19]), np.array([1e-3]), 0)[0] < 1e-6
    assert azimuth(np.array([0.0]), np.array([1e-3]), 0)[0] == 360


@pytest.mark.parametrize("angle", [1e-9, 1e-6, 1e-3, 0.5, 1.5, 2.0, 3.0, 3.14])
def test_scattering_vector_and_angle_agree_at_all_angles(angle):
    y, x, z = (np.array([value]) for value in (0.6 * math.sin(angle), 0.8 * math.sin(angle), math.cos(angle)))
    assert math.isclose(scattering_angle(y, x, z)[0], math.degrees(angle), rel_tol=1e-9)
    assert math.isclose(scattering_vector(y, x, z, 2e-10)[0], 2 * math.pi * math.sin(angle / 2), rel_tol=1e-9)
