"""Azimuthal integration against physics, and against a plain computation of its definition."""

import math
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import fabio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from dranspose.azint import AzimuthalIntegrator, Poni, integrator, splitting
from dranspose.azint.detector import Detector

PIXEL = 1e-4
SHAPE = (9, 12)
WAVELENGTH = 1e-10
EVERYTHING = [-1, 12, 25, 38, 180]  # in degrees: bins that hold every pixel


def poni(shape=SHAPE, dist=10 * PIXEL, poni1=3.3 * PIXEL, poni2=6.1 * PIXEL, rot1=0.0, rot2=0.0, rot3=0.0, **others):
    detector = Detector(PIXEL, PIXEL, shape, **others)
    return Poni(detector, dist, poni1, poni2, rot1, rot2, rot3, WAVELENGTH)


TILTED = poni(rot1=0.15, rot2=-0.1, rot3=1.1)


def image(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).poisson(30, shape).astype(np.uint32)


def plain(geometry, img, n, radial_edges, azimuth_edges, unit="q", mask=None, solid_angle=True, polarization=None):
    """Integrate by loops over the parts of pixels, as the definition says; return signal, variance and norm."""
    bins = (len(azimuth_edges) - 1, len(radial_edges) - 1)
    signal, variance, norm = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    turn = Rotation.from_euler("xyz", [-geometry.rot1, -geometry.rot2, geometry.rot3])

    def place(row, column):
        flat = [row * PIXEL - geometry.poni1, column * PIXEL - geometry.poni2, geometry.dist]
        y, x, z = turn.apply(flat)
        angle = math.atan2(math.hypot(y, x), z)
        radial = math.degrees(angle) if unit == "2th" else 4e-10 * math.pi / WAVELENGTH * math.sin(angle / 2)
        return math.dist(flat, (0, 0, 0)), angle, math.atan2(y, x), radial

    def bin_of(value, edges):
        return next((i for i, (low, high) in enumerate(pairwise(edges)) if low < value <= high), None)

    for row, column in np.ndindex(img.shape):
        if mask is not None and mask[row, column]:
            continue
        distance, two_theta, chi, _ = place(row + 0.5, column + 0.5)
        correction = (geometry.dist / distance) ** 3 if solid_angle else 1
        if polarization is not None:
            cos2 = math.cos(two_theta) ** 2
            correction *= 0.5 * (1 + cos2 - polarization * math.cos(2 * chi) * (1 - cos2))
        parts = np.zeros(bins)
        for down, across in np.ndindex(n, n):
            *_, chi, radial = place(row + (down + 0.5) / n, column + (across + 0.5) / n)
            found = bin_of(math.degrees(chi) % 360, azimuth_edges), bin_of(radial, radial_edges)
            if None not in found:
                parts[found] += 1 / n**2
        signal += parts * img[row, column] / correction
        variance += (parts / correction) ** 2 * img[row, column]
        norm += parts
    return signal, variance, norm


@pytest.mark.parametrize("geometry", [poni(), TILTED], ids=["flat", "tilted"])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("unit", ["q", "2th"])
@pytest.mark.parametrize(("solid_angle", "polarization"), [(True, None), (False, 0), (True, 0.95)])
def test_against_a_plain_computation(geometry, n, unit, solid_angle, polarization):
    img = image()
    mask = image(seed=1) > 35
    ai = AzimuthalIntegrator(geometry, n, 6, 4, unit, mask, solid_angle, polarization, "poisson")
    step = ai.radial_axis[1] - ai.radial_axis[0]
    edges = np.append(ai.radial_axis[0] - step / 2, ai.radial_axis + step / 2)
    edges[[0, -1]] *= 1 + 1e-12  # the middles of two pixels, which no rounding error may move across
    signal, variance, norm = plain(
        geometry, img, n, edges, np.linspace(0, 360, 5), unit, mask, solid_angle, polarization
    )
    assert np.count_nonzero(norm) > 12
    assert np.allclose(ai.norm.reshape(4, 6), norm, atol=1e-6)
    intensity, errors = ai.integrate(img)
    assert np.allclose(intensity, np.divide(signal, norm, where=norm > 0, out=np.zeros_like(norm)), rtol=1e-6)
    assert np.allclose(errors, np.divide(np.sqrt(variance), norm, where=norm > 0, out=np.zeros_like(norm)), rtol=1e-6)
    sums, root, pixels = ai.integrate(img, normalized=False)
    assert np.allclose(sums, signal, rtol=1e-6)
    assert np.allclose(root, np.sqrt(variance), rtol=1e-6)
    assert np.allclose(pixels, norm, atol=1e-6)


def test_a_ring_is_found_at_its_scattering_vector():
    shape, dist, centre, ring, width = (200, 240), 0.05, (90.3, 110.7), 1.1, 0.1
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    r = np.hypot((y - centre[0]) * PIXEL, (x - centre[1]) * PIXEL)
    q = 4e-10 * np.pi / WAVELENGTH * np.sin(np.arctan(r / dist) / 2)
    img = 1000 * np.exp(-(((q - ring) / width) ** 2) / 2)
    ai = AzimuthalIntegrator(poni(shape, dist, centre[0] * PIXEL, centre[1] * PIXEL), 3, 100, solid_angle=False)
    intensity, _ = ai.integrate(img)
    expected = 1000 * np.exp(-(((ai.radial_axis - ring) / width) ** 2) / 2)
    assert abs(ai.radial_axis[intensity.argmax()] - ring) <= ai.radial_axis[1] - ai.radial_axis[0]
    assert np.allclose(intensity, expected, atol=15)


def test_an_isotropic_scatterer_is_uniform_after_its_corrections():
    shape, dist = (30, 40), 20 * PIXEL
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    solid_angle = np.cos(np.arctan(np.hypot(y - 8, x - 15) / 20)) ** 3
    ai = AzimuthalIntegrator(poni(shape, dist, 8 * PIXEL, 15 * PIXEL), 2, 10, 6)
    intensity, _ = ai.integrate(500 * solid_angle)
    assert np.allclose(intensity[intensity > 0], 500, rtol=1e-6)
    assert np.count_nonzero(intensity) > 40


angles = st.floats(-1.0, 1.0)
geometries = st.builds(
    poni,
    dist=st.floats(1e-4, 1.0),
    poni1=st.floats(-1e-3, 2e-3),
    poni2=st.floats(-1e-3, 2e-3),
    rot1=angles,
    rot2=angles,
    rot3=st.floats(-3.2, 3.2),
    orientation=st.sampled_from([1, 2, 3, 4]),
)
images = hnp.arrays(np.uint32, SHAPE)


@settings(max_examples=30, deadline=None)
@given(geometries, images, st.integers(1, 4))
def test_the_sum_of_an_image_is_the_sum_over_bins(geometry, img, n):
    ai = AzimuthalIntegrator(geometry, n, EVERYTHING, 7, "2th", solid_angle=False)
    signal, _, norm = ai.integrate(img, normalized=False)
    assert math.isclose(signal.sum(dtype=float), img.sum(dtype=float), rel_tol=1e-6)
    assert math.isclose(norm.sum(dtype=float), img.size, rel_tol=1e-6)


@settings(max_examples=30, deadline=None)
@given(geometries, images, st.integers(1, 4), st.booleans())
def test_2d_summed_over_azimuth_is_1d(geometry, img, n, solid_angle):
    settings_1d = {"unit": "2th", "solid_angle": solid_angle, "error_model": "poisson"}
    signal, error, norm = AzimuthalIntegrator(geometry, n, 11, **settings_1d).integrate(img, normalized=False)
    signals, errors, norms = AzimuthalIntegrator(geometry, n, 11, 8, **settings_1d).integrate(img, normalized=False)
    assert signals.shape == (8, 11)
    assert np.allclose(signals.sum(axis=0), signal, rtol=1e-5)
    assert np.allclose(norms.sum(axis=0), norm, rtol=1e-5)
    # The parts of one pixel are no independent counts: dividing them among sectors lowers the sum of their squares.
    assert ((errors**2).sum(axis=0) <= error**2 * (1 + 1e-5)).all()


@settings(max_examples=30, deadline=None)
@given(geometries, st.integers(1, 4), st.sampled_from([None, 5]), st.sampled_from(["q", "2th"]))
def test_a_uniform_image_is_one_in_each_bin_with_pixels(geometry, n, azimuth_bins, unit):
    ai = AzimuthalIntegrator(geometry, n, 8, azimuth_bins, unit, solid_angle=False)
    intensity, errors = ai.integrate(np.ones(SHAPE, np.uint8))
    assert errors is None
    assert np.allclose(intensity, (ai.norm > 0).reshape(intensity.shape))


def test_pixels_exactly_along_x_lie_in_a_sector():
    on_a_pixel = poni((9, 9), poni1=4.5 * PIXEL, poni2=4.5 * PIXEL)
    assert AzimuthalIntegrator(on_a_pixel, 1, EVERYTHING, 4, "2th").norm.sum() == 81


def test_the_range_runs_between_the_middles_of_pixels():
    row = poni((1, 4), dist=1.0, poni1=0.5 * PIXEL, poni2=-2 * PIXEL)
    ai = AzimuthalIntegrator(row, 1, 2, unit="2th")
    lowest, highest = np.degrees(np.arctan([2.5 * PIXEL, 5.5 * PIXEL]))
    assert np.allclose(ai.radial_axis, lowest + (highest - lowest) * np.array([0.25, 0.75]))
    assert ai.norm.tolist() == [1, 2]  # the lowest value is no part of the first bin


def test_sectors_may_start_anywhere():
    around = poni((8, 8), poni1=4 * PIXEL, poni2=4 * PIXEL)
    full = AzimuthalIntegrator(around, 2, EVERYTHING, 8, "2th").integrate(image((8, 8)), normalized=False)[0]
    across_0 = AzimuthalIntegrator(around, 2, EVERYTHING, [-45, 0, 45], "2th")
    assert across_0.azimuth_axis.tolist() == [-22.5, 22.5]
    assert np.allclose(across_0.integrate(image((8, 8)), normalized=False)[0], full[[7, 0]])


def test_sectors_run_from_x_to_y():
    quadrants = np.kron(np.array([[1, 2], [3, 4]]), np.ones((4, 4)))  # y runs down the rows
    ai = AzimuthalIntegrator(poni((8, 8), poni1=4 * PIXEL, poni2=4 * PIXEL), 2, [-1, 180], 4, "2th", solid_angle=False)
    assert ai.integrate(quadrants)[0].ravel().tolist() == [4, 3, 1, 2]
    assert ai.azimuth_axis.tolist() == [45, 135, 225, 315]


def test_the_beam_centre_follows_the_orientation():
    img = np.zeros((6, 9))
    img[1, 2] = 1
    turned = poni((6, 9), poni1=(6 - 1.5) * PIXEL, poni2=2.5 * PIXEL, orientation=2)
    ai = AzimuthalIntegrator(turned, 2, [-1, 4, 180], unit="2th")
    assert ai.integrate(img, normalized=False)[0].tolist() == [1, 0]


def test_attributes_tell_the_settings():
    ai = AzimuthalIntegrator(TILTED, 3, 5, 4, "2th", None, False, 0.5, "poisson")
    assert (ai.poni, ai.n_splitting, ai.radial_bins, ai.azimuth_bins, ai.unit) == (TILTED, 3, 5, 4, "2th")
    assert (ai.mask, ai.mask_path, ai.solid_angle, ai.polarization_factor) == (None, None, False, 0.5)
    assert (ai.error_model, ai.input_size, ai.output_shape) == ("poisson", 108, [4, 5])
    assert ai.norm.shape == (20,)
    assert {ai.radial_axis.dtype, ai.azimuth_axis.dtype} == {np.dtype(np.float64)}
    assert all(result.dtype == np.float32 for result in (ai.norm, *ai.integrate(image(), normalized=False)))
    assert AzimuthalIntegrator(TILTED, 3, [0.1, 0.2, 0.9]).output_shape == [2]


MASKED = image(seed=3) > 33
MASKS = [MASKED.astype(dtype) for dtype in ("?", "i1", "u1", "i4", "i8", "f4", ">u2")] + [
    (MASKED * 255).astype("u1"),
    np.asfortranarray(MASKED),
    MASKED.ravel(),
    MASKED.tolist(),
]


def without_masked_pixels(error_model="poisson"):
    """Return what the pixels that MASKED leaves give: the others lie in no bin."""
    ai = AzimuthalIntegrator(TILTED, 2, EVERYTHING, unit="2th", error_model=error_model)
    some = np.where(MASKED, 0, image())
    signal, error, _ = ai.integrate(some, normalized=False)
    counted = AzimuthalIntegrator(TILTED, 2, EVERYTHING, unit="2th", solid_angle=False)
    return signal, error, counted.integrate(~MASKED, normalized=False)[0]


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: f"{np.asarray(mask).dtype}")
@pytest.mark.parametrize("img", [image(), np.where(MASKED, np.nan, image()), image().astype(np.float64)])
def test_masks_leave_out_exactly_their_pixels(mask, img):
    expected = without_masked_pixels()
    assert expected[2].sum() == np.count_nonzero(~MASKED)
    before = img.copy()
    constructed = AzimuthalIntegrator(TILTED, 2, EVERYTHING, unit="2th", mask=mask, error_model="poisson")
    assert np.array_equal(constructed.mask, MASKED)
    assert np.allclose(constructed.norm, expected[2])
    called = AzimuthalIntegrator(TILTED, 2, EVERYTHING, unit="2th", error_model="poisson")
    for results in (constructed.integrate(img, normalized=False), called.integrate(img, mask, normalized=False)):
        for result, sums in zip(results, expected, strict=True):
            assert np.allclose(result, sums, rtol=1e-6)
    for results in (constructed.integrate(img), called.integrate(img, mask)):
        for result, sums in zip(results, expected[:2], strict=True):
            assert np.allclose(result, sums / expected[2], rtol=1e-6)
    assert np.array_equal(img, before, equal_nan=img.dtype.kind == "f")


def test_the_mask_of_a_call_does_not_stick():
    ai = AzimuthalIntegrator(TILTED, 2, 6, error_model="poisson")
    before, norm = ai.integrate(image()), ai.norm
    masked = ai.integrate(image(), MASKED)
    assert not np.allclose(masked, before)
    assert np.array_equal(ai.integrate(image()), before)
    assert np.array_equal(ai.norm, norm)
    assert ai.mask is None


def test_both_masks_apply():
    half = np.zeros(SHAPE, bool)
    half[:5] = True
    both = AzimuthalIntegrator(TILTED, 2, 6, mask=half | MASKED).integrate(image())[0]
    assert np.allclose(AzimuthalIntegrator(TILTED, 2, 6, mask=half).integrate(image(), MASKED)[0], both)


def test_nothing_is_left_of_an_image_that_is_all_masked():
    everything = np.ones(SHAPE)
    for results in (
        AzimuthalIntegrator(TILTED, 2, 6, mask=everything, error_model="poisson").integrate(image()),
        AzimuthalIntegrator(TILTED, 2, 6, error_model="poisson").integrate(image(), everything),
    ):
        assert not np.any(results)


@pytest.mark.parametrize("suffix", ["npy", "edf"])
@pytest.mark.parametrize("as_given", [str, lambda path: path], ids=["text", "path"])
def test_a_mask_may_be_a_file(tmp_path, suffix, as_given):
    path = tmp_path / f"mask.{suffix}"
    if suffix == "npy":
        np.save(path, MASKED)
    else:
        fabio.edfimage.EdfImage(MASKED.astype(np.uint8)).write(str(path))
    ai = AzimuthalIntegrator(TILTED, 2, 6, mask=as_given(path))
    assert np.array_equal(ai.mask, MASKED)
    assert ai.mask_path == str(path)


def test_an_empty_mask_path_is_no_mask():
    assert AzimuthalIntegrator(TILTED, 2, 6, mask="").mask is None


REAL_DTYPES = [*"?bBhHiIqQefdg", ">u2", ">f8"]


@pytest.mark.parametrize("dtype", REAL_DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_images_of_every_real_type(dtype, order):
    img = (image() > 30) if dtype == "?" else image()
    ai = AzimuthalIntegrator(TILTED, 2, 6)
    expected = ai.integrate(img.astype(float))[0]
    stored = np.array(img, dtype=dtype, order=order)
    stored.flags.writeable = False
    assert np.array_equal(ai.integrate(stored)[0], expected)


def test_counts_beyond_float32_are_added_exactly():
    ai = AzimuthalIntegrator(poni(), 1, [-1, 180], unit="2th", solid_angle=False)
    img = np.zeros(SHAPE, np.int64)
    img[2, 3:5] = 2**24 + 1, -(2**24)
    assert ai.integrate(img, normalized=False)[0].tolist() == [1]


def test_an_image_may_be_flat_or_a_list_or_a_view():
    ai = AzimuthalIntegrator(TILTED, 2, 6)
    expected = ai.integrate(image())[0]
    spread = np.repeat(image(), 2, axis=1)[:, ::2]
    for other in (image().ravel(), image().tolist(), spread):
        assert np.array_equal(ai.integrate(other)[0], expected)


def test_a_pixel_without_a_number_spoils_its_own_bins_only():
    img = image().astype(float)
    img[4, 5] = np.nan
    ai = AzimuthalIntegrator(poni(), 1, 6)
    assert np.count_nonzero(np.isnan(ai.integrate(img)[0])) == 1


def test_a_negative_sum_has_no_poisson_error():
    _, errors = AzimuthalIntegrator(poni(), 1, 6, error_model="poisson").integrate(-np.ones(SHAPE))
    assert np.isnan(errors).all()


def test_poisson_errors_are_the_scatter_of_repeated_measurements():
    ai = AzimuthalIntegrator(TILTED, 1, 4, error_model="poisson")
    rng = np.random.default_rng(5)
    repeated = [ai.integrate(rng.poisson(20, SHAPE)) for _ in range(400)]
    scatter = np.std([intensity for intensity, _ in repeated], axis=0)
    assert np.allclose(scatter, np.mean([errors for _, errors in repeated], axis=0), rtol=0.15)


@pytest.mark.parametrize("azimuth_bins", [None, 3])
@pytest.mark.parametrize("rows", [0, 2])
def test_large_images_are_taken_in_parts(monkeypatch, azimuth_bins, rows):
    arguments = (TILTED, 2, 6, azimuth_bins, "q", MASKED)
    whole = AzimuthalIntegrator(*arguments, error_model="poisson")
    monkeypatch.setattr(splitting, "PARTS_AT_ONCE", rows * 4 * SHAPE[1])
    monkeypatch.setattr(integrator, "PIXELS_AT_ONCE", 1)
    parts = AzimuthalIntegrator(*arguments, error_model="poisson")
    for mask in (None, image(seed=4) > 30):
        for one, other in zip(
            whole.integrate(image(), mask, normalized=False),
            parts.integrate(image(), mask, normalized=False),
            strict=True,
        ):
            assert np.allclose(one, other, rtol=1e-6)


def test_pixels_with_corners_of_their_own():
    regular = poni()
    corners = regular.det.pixel_corners
    corners[4, 5] = np.nan  # a pixel that is nowhere
    corners[..., 0] = PIXEL
    corners[..., 1] += PIXEL
    turns = TILTED.rot1, TILTED.rot2, TILTED.rot3
    moved = Poni(Detector(PIXEL, PIXEL, SHAPE, corners), 9 * PIXEL, 4.3 * PIXEL, 6.1 * PIXEL, *turns, WAVELENGTH)
    gap = np.zeros(SHAPE)
    gap[4, 5] = 1
    expected = AzimuthalIntegrator(TILTED, 2, EVERYTHING, unit="2th", solid_angle=False).integrate(image(), gap)[0]
    found = AzimuthalIntegrator(moved, 2, EVERYTHING, unit="2th", solid_angle=False)
    assert math.isclose(found.norm.sum(), image().size - 1)
    assert np.isfinite(AzimuthalIntegrator(moved, 2, 6).integrate(image())[0]).all()
    assert np.allclose(found.integrate(image())[0], expected, rtol=1e-5)


def test_it_can_be_pickled():
    ai = AzimuthalIntegrator(TILTED, 2, 6, 3, mask=MASKED, error_model="poisson")
    copy = pickle.loads(pickle.dumps(ai))
    assert np.array_equal(copy.integrate(image()), ai.integrate(image()))
    assert np.array_equal(copy.radial_axis, ai.radial_axis)


def test_threads_may_share_it():
    shape = (200, 300)
    ai = AzimuthalIntegrator(poni(shape), 2, 50, error_model="poisson")
    work = [(image(shape, seed), None if seed % 2 else image(shape, seed + 99) > 30) for seed in range(24)]
    expected = [ai.integrate(*each) for each in work]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(pool.map(lambda each: ai.integrate(*each), work), expected, strict=True):
            assert np.array_equal(one, other)


def test_poni_files_and_entries_give_the_same(tmp_path):
    text = (
        "Detector: Detector\n"
        'Detector_config: {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [9, 12], "orientation": 3}\n'
        f"Distance: {TILTED.dist!r}\nPoni1: {TILTED.poni1!r}\nPoni2: {TILTED.poni2!r}\n"
        f"Rot1: {TILTED.rot1}\nRot2: {TILTED.rot2}\nRot3: {TILTED.rot3}\nWavelength: {WAVELENGTH}\n"
    )
    path = tmp_path / "calibration.poni"
    path.write_text(text)
    entries = dict(line.lower().split(": ", 1) for line in text.splitlines()) | {"detector": "Detector"}
    expected = AzimuthalIntegrator(TILTED, 2, 6).integrate(image())[0]
    for source in (path, str(path), entries):
        ai = AzimuthalIntegrator(source, 2, 6)
        assert ai.poni is source
        assert np.array_equal(ai.integrate(image())[0], expected)


def test_an_angle_needs_no_wavelength():
    unknown = Poni(Detector(PIXEL, PIXEL, SHAPE), 0.1, 0, 0, 0, 0, 0, None)
    assert AzimuthalIntegrator(unknown, 1, 4, unit="2th").radial_axis.shape == (4,)
    with pytest.raises(ValueError, match='unit "q" needs a wavelength'):
        AzimuthalIntegrator(unknown, 1, 4)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"unit": "d"}, ValueError, "unit must be"),
        ({"error_model": "azimuthal"}, ValueError, "error_model must be"),
        ({"n_splitting": 0}, ValueError, "n_splitting must be at least 1"),
        ({"n_splitting": 2.5}, TypeError, "float"),
        ({"radial_bins": 0}, ValueError, "0 makes no bins"),
        ({"radial_bins": -3}, ValueError, "-3 makes no bins"),
        ({"radial_bins": 2.5}, TypeError, "float"),
        ({"radial_bins": [1.0]}, ValueError, "makes no bins"),
        ({"radial_bins": [1, 3, 2]}, ValueError, "makes no bins"),
        ({"radial_bins": [0, np.nan, 2]}, ValueError, "makes no bins"),
        ({"radial_bins": [[0, 1], [2, 3]]}, ValueError, "makes no bins"),
        ({"azimuth_bins": 0}, ValueError, "makes no bins"),
        ({"polarization_factor": 1.5}, ValueError, "polarization_factor"),
        ({"mask": np.zeros((12, 9))}, ValueError, r"the mask has shape \(12, 9\), the detector \(9, 12\)"),
        ({"mask": np.zeros(SHAPE, complex)}, TypeError, "the mask must hold real numbers"),
        ({"mask": "absent.npy"}, FileNotFoundError, "absent"),
        ({"mask": "absent.tif"}, OSError, "absent"),
        ({"poni": "absent.poni"}, FileNotFoundError, "absent"),
        ({"poni": b"Detector: Eiger2_4M"}, TypeError, "poni must be"),
        ({"poni": Poni("Eiger2_4M", 1, 0, 0, 0, 0, 0, None)}, TypeError, "det must be a detector"),
        ({"poni": poni(dist=0)}, ValueError, "dist must be positive"),
        ({"poni": poni(poni1=math.inf)}, ValueError, "finite"),
        ({"poni": poni((1, 1))}, ValueError, "makes no bins"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        AzimuthalIntegrator(**{"poni": TILTED, "n_splitting": 2, "radial_bins": 6} | change)


def test_a_mask_for_fabio_without_fabio(monkeypatch):
    monkeypatch.setitem(sys.modules, "fabio", None)
    with pytest.raises(ValueError, match="fabio"):
        AzimuthalIntegrator(TILTED, 2, 6, mask="mask.tif")


@pytest.mark.parametrize("shape", [(12, 9), (9, 11), (1, 9, 12), (107,), ()])
def test_an_image_of_another_shape_is_refused(shape):
    ai = AzimuthalIntegrator(TILTED, 2, 6)
    with pytest.raises(ValueError, match="the image has shape"):
        ai.integrate(np.zeros(shape))
    with pytest.raises(ValueError, match="the mask has shape"):
        ai.integrate(image(), np.zeros(shape))


@pytest.mark.parametrize("dtype", ["c16", "O", "U3", "M8[s]"])
def test_an_image_of_no_real_numbers_is_refused(dtype):
    with pytest.raises(TypeError, match="the image must hold real numbers"):
        AzimuthalIntegrator(TILTED, 2, 6).integrate(np.zeros(SHAPE, dtype))
