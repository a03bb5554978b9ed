"""Which parameters are a region of an image, and their values for a rectangle."""

from __future__ import annotations

import pytest

from dranspose_tango.taurus.regions import Rectangle, Region, regions


@pytest.mark.parametrize(
    ("names", "is_span"),
    [
        (("roi_x", "roi_y", "roi_width", "roi_height"), False),
        (("x", "y", "width", "height"), False),
        (("beam_x0", "beam_x1", "beam_y0", "beam_y1"), True),
        (("Roi_X_min", "Roi_X_max", "Roi_Y_min", "Roi_Y_max"), True),
        (("from_x", "till_x", "from_y", "till_y"), True),
    ],
)
def test_four_parameters_are_a_region_by_their_names(names: tuple[str, str, str, str], is_span: bool) -> None:
    (region,) = regions(["gain", *reversed(names), "max"])
    assert (region.parameters, region.is_span) == (names, is_span)


def test_three_of_them_are_none() -> None:
    assert not regions(["roi_x", "roi_y", "roi_width", "other_height", "max_y", "index"])


def test_there_may_be_several() -> None:
    found = regions(f"{name}_{end}" for name in ("b", "a") for end in ("x", "y", "width", "height"))
    assert [region.name for region in found] == ["a", "b"]


@pytest.mark.parametrize("is_span", [False, True])
def test_values_of_a_rectangle_are_that_rectangle(is_span: bool) -> None:
    region = Region("roi", ("a", "b", "c", "d"), is_span)
    rectangle = Rectangle(3, 5, 7, 11)
    values = region.values(rectangle)
    assert tuple(values.values()) == ((3, 10, 5, 16) if is_span else (3, 5, 7, 11))
    assert region.rectangle(values) == rectangle


@pytest.mark.parametrize(
    ("drawn", "pixels"),
    [
        ((1.4, 1.6, 3.2, 2.0), (1, 2, 4, 2)),
        ((-5, -5, 100, 100), (0, 0, 20, 10)),
        ((19.7, 9.9, 5, 5), (19, 9, 1, 1)),
        ((4, 4, 0.1, 0.1), (4, 4, 1, 1)),
        ((-9, -9, 2, 2), (0, 0, 1, 1)),
    ],
)
def test_what_is_drawn_becomes_pixels_of_the_image(
    drawn: tuple[float, float, float, float], pixels: tuple[int, int, int, int]
) -> None:
    assert Rectangle(*drawn).within(20, 10) == Rectangle(*pixels)
