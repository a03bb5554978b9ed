"""The tutorial's diffractograms, in numbers that azint 1.0.0 to 1.2.5 give alike."""

import cbor2
import numpy as np
import pytest

from dranspose import azint

DIFFRACTOGRAMS = [
    [15.1779747, 13.9023495, 6.8773127, 9.6660852, 9.3010511],
    [14.5480700, 16.0785999, 8.7254753, 7.0781269, 11.0598869],
    [13.5223827, 17.1882668, 12.9371901, 4.9445901, 9.5939913],
    [13.2128630, 16.6200161, 15.5205526, 6.3836746, 5.1763859],
    [12.7400637, 16.4407024, 17.1330090, 9.2366600, 3.8551009],
    [12.6753435, 16.0662804, 17.7858009, 12.1191959, 4.8916092],
    [12.4385986, 15.4443998, 17.9025497, 14.7246857, 6.9134221],
    [11.0911913, 14.7071409, 18.0725098, 16.2365665, 9.2648430],
    [11.0122433, 14.6127691, 17.5343590, 17.3972645, 11.8805075],
]


@pytest.fixture(scope="module")
def integrator():
    pixel = 0.75e-6
    detector = azint.detector.Detector(pixel, pixel, (10, 10))
    poni = azint.Poni(
        detector, dist=30 * pixel, poni1=5 * pixel, poni2=5 * pixel, rot1=0, rot2=0, rot3=0, wavelength=1e-10
    )
    return azint.AzimuthalIntegrator(poni, 4, 5, unit="q", solid_angle=True)


def test_the_bins(integrator):
    axis = [0.264359142, 0.496947178, 0.729535213, 0.962123249, 1.194711285]
    assert np.allclose(integrator.radial_axis, axis, rtol=1e-6, atol=0)
    assert integrator.norm.tolist() == [8.75, 16.75, 24.5, 32.25, 13.75]


def test_the_images_of_the_capture(integrator, captures):
    diffractograms = []
    with (captures / "dump_xrd.cbors").open("rb") as file:
        while file.peek(1):
            _, streams = cbor2.load(file).value
            _, frames = streams["xrd"].value
            if len(frames) == 2:
                image = np.frombuffer(frames[1], np.uint16).reshape(10, 10)
                intensity, errors = integrator.integrate(image)
                assert errors is None
                diffractograms.append(intensity)
    assert np.allclose(diffractograms, DIFFRACTOGRAMS, rtol=1e-6, atol=0)
