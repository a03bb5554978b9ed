"""What a reducer publishes, as the panel shows it: by the type of its attribute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from tango import AttrDataFormat, CmdArgType


class Kind(Enum):
    """How a result is shown."""

    VALUE = "value"
    CURVE = "curve"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Result:
    """A published value.

    Attributes:
        name: of the attribute.
        kind: how it is shown.
        label, unit: for people; the unit may be empty.
        over: for a curve, the curve that is its x axis; None for the index.
    """

    name: str
    kind: Kind
    label: str
    unit: str
    over: Result | None = None

    @property
    def title(self) -> str:
        """The label with the unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def results(configurations: Iterable[Any], plots: Sequence[str] = ()) -> tuple[Result, ...]:
    """Return the results that attributes are; those that are but axes of others are left out.

    Args:
        configurations: of the attributes, of class AttributeInfoEx.
        plots: what is drawn over what, as the attribute `plots` of a device tells.
    """
    found = {each.name: Result(each.name, _kind(each), each.label, each.unit) for each in configurations}
    curves = {name for name, result in found.items() if result.kind is Kind.CURVE}
    axes: set[str] = set()
    for plot in plots:
        signal, *names = plot.split()
        if len(names) == 1 and {signal, *names} <= curves:
            found[signal] = replace(found[signal], over=found[names[0]])
            axes.update(names)
    return tuple(result for name, result in found.items() if name not in axes)


def _kind(configuration: Any) -> Kind:
    if configuration.data_type == CmdArgType.DevString:
        return Kind.VALUE
    match configuration.data_format:
        case AttrDataFormat.SPECTRUM:
            return Kind.CURVE
        case AttrDataFormat.IMAGE:
            return Kind.IMAGE
    return Kind.VALUE
