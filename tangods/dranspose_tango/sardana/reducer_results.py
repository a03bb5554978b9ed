"""What a reducer publishes, read for the channels of a scan: in the type and the shape that its table and file have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tango

from dranspose_tango.tango_errors import explain


class ResultError(Exception):
    """A result cannot be read; the text says which, and why."""


class ReducerResults:
    """The results of a reducer, by the names of its attributes.

    Args:
        name: of the reducer's device.

    Raises:
        ResultError: from everything that it does.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._reducer: tango.DeviceProxy | None = None

    def read(self, result: str, rank: int) -> npt.NDArray[np.float64]:
        """Return the latest value of a result of so many dimensions, float64; empty or NaN if nothing is published."""
        nothing = np.full((0,) * rank, np.nan)
        try:
            value = self._proxy.read_attribute(result).value
        except tango.DevFailed as error:
            if error.args[0].reason == "API_AttrNotFound":
                return nothing
            raise ResultError(f"{self.name}/{result}: {explain(error)}") from None
        found = nothing if value is None else np.asarray(value, np.float64)
        if found.ndim != rank:
            raise ResultError(f"{self.name}/{result} has {found.ndim} dimensions: this channel is for {rank}")
        return found

    @property
    def _proxy(self) -> tango.DeviceProxy:
        if self._reducer is None:
            self._reducer = tango.DeviceProxy(self.name)
        return self._reducer


def fitted(value: npt.NDArray[np.float64], shape: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return an array of the shape with the value at its begin: what is too long is cut, what is not there is NaN."""
    result = np.full(tuple(shape), np.nan)
    common = tuple(slice(min(have, want)) for have, want in zip(value.shape, shape, strict=True))
    result[common] = value[common]
    return result
