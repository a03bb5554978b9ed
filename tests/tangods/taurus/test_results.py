"""How published values are shown, by the types of their attributes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tango import AttrDataFormat, CmdArgType

from dranspose_tango.taurus.results import Kind, results


def configuration(
    name: str, data_format: AttrDataFormat, data_type: CmdArgType = CmdArgType.DevDouble, unit: str = ""
) -> SimpleNamespace:
    return SimpleNamespace(name=name, data_format=data_format, data_type=data_type, label=name.title(), unit=unit)


@pytest.mark.parametrize(
    ("data_format", "data_type", "kind"),
    [
        (AttrDataFormat.SCALAR, CmdArgType.DevDouble, Kind.VALUE),
        (AttrDataFormat.SPECTRUM, CmdArgType.DevLong64, Kind.CURVE),
        (AttrDataFormat.SPECTRUM, CmdArgType.DevString, Kind.VALUE),
        (AttrDataFormat.IMAGE, CmdArgType.DevUShort, Kind.IMAGE),
    ],
)
def test_the_type_tells_how(data_format: AttrDataFormat, data_type: CmdArgType, kind: Kind) -> None:
    (result,) = results([configuration("it", data_format, data_type)])
    assert result.kind is kind


def test_a_curve_is_drawn_over_its_axis_which_is_not_drawn_itself() -> None:
    curves = [configuration(name, AttrDataFormat.SPECTRUM, unit="counts") for name in ("q", "intensity", "other")]
    intensity, other = results(curves, ["intensity q"])
    assert intensity.over is not None
    assert (intensity.over.name, intensity.title) == ("q", "Intensity (counts)")
    assert other.over is None


@pytest.mark.parametrize("plot", ["intensity .", "intensity absent", "intensity x y", "image x", "absent x"])
def test_what_is_no_curve_over_a_curve_is_left_as_it_is(plot: str) -> None:
    shown = [configuration(name, AttrDataFormat.SPECTRUM) for name in ("intensity", "x", "y")]
    shown.append(configuration("image", AttrDataFormat.IMAGE))
    assert [(result.name, result.over) for result in results(shown, [plot])] == [
        (name, None) for name in ("intensity", "x", "y", "image")
    ]
