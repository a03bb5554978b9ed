"""What the rows of datasets are: the first value of each gives the shape and the type of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


class UnfitValueError(ValueError):
    """A value cannot be a row of its dataset: it has another shape, or a type that would be cut down."""


class Rows:
    """The shape and the type of the rows of each dataset, by its name.

    Attributes:
        kinds: these, of all datasets that a value was taken of.
    """

    def __init__(self) -> None:
        self.kinds: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}

    def take(self, event: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the values of an event, all or none.

        Raises:
            UnfitValueError: a value has another shape than the rows of its dataset, or a type of another kind.
        """
        for name, value in values.items():
            shape, dtype = self.kinds.get(name, (value.shape, value.dtype))
            if value.shape != shape:
                raise UnfitValueError(f"{name} of event {event} has shape {value.shape}, the first had {shape}")
            if not np.can_cast(value.dtype, dtype, "same_kind"):
                raise UnfitValueError(f"{name} of event {event} is of type {value.dtype}, the first was {dtype}")
        for name, value in values.items():
            self.kinds.setdefault(name, (value.shape, value.dtype))
