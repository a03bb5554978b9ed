"""Channels that put what a reducer publishes into the table and the file of a scan: numbers, spectra and images."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sardana import State
from sardana.pool import AcqSynch
from sardana.pool.controller import (
    DefaultValue,
    Description,
    OneDController,
    TwoDController,
    Type,
    ZeroDController,
)

from dranspose_tango.sardana.reducer_results import ReducerResults, fitted

REDUCER = {Type: str, Description: "Name of the reducer's device."}
RESULT = {Type: str, Description: "Name of the reducer's attribute; by default, that of the channel.", DefaultValue: ""}
SHAPE = {
    Type: (int,),
    Description: "Shape in the file of the scan; by default, that of what is published when the scan begins.",
    DefaultValue: [],
}


class _Channels:
    """Channels that each have a result of the reducer."""

    ctrl_properties: ClassVar[Mapping[str, Any]] = {"Reducer": REDUCER}
    axis_attributes: ClassVar[Mapping[str, Any]] = {"Result": RESULT}

    gender = "Data analysis"
    model = "dranspose"
    organization = "dranspose"
    MaxDevice = 1024
    rank = 0

    GetAxisName: Callable[[int], str]

    def __init__(self, name: str, properties: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*(name, properties, *args), **kwargs)
        self._results = ReducerResults(properties["Reducer"])
        self._extra: dict[int, dict[str, Any]] = {}

    def AddDevice(self, axis: int) -> None:
        self._extra[axis] = {name: settings[DefaultValue] for name, settings in self.axis_attributes.items()}

    def DeleteDevice(self, axis: int) -> None:
        del self._extra[axis]

    def GetAxisExtraPar(self, axis: int, name: str) -> Any:
        return self._extra[axis][name]

    def SetAxisExtraPar(self, axis: int, name: str, value: Any) -> None:
        self._extra[axis][name] = value

    def StateOne(self, axis: int) -> tuple[Any, str]:
        return State.On, f"shows {self._results.name}/{self._result(axis)}"

    def AbortOne(self, axis: int) -> None:
        """Do nothing: the result is the pipeline's business."""

    def _result(self, axis: int) -> str:
        return self._extra[axis]["Result"] or self.GetAxisName(axis)

    def _read(self, axis: int) -> npt.NDArray[np.float64]:
        return self._results.read(self._result(axis), self.rank)


class PipelineZeroDController(_Channels, ZeroDController):
    """Numbers that a reducer publishes. Set AccumulationType to Last: a result is no reading to be averaged."""

    def ReadOne(self, axis: int) -> float:
        return float(self._read(axis))


class _ArrayChannels(_Channels):
    """Channels whose result has a shape; with a trigger of a hardware each gets what there is at that time."""

    axis_attributes: ClassVar[Mapping[str, Any]] = {"Result": RESULT, "ResultShape": SHAPE}

    def __init__(self, name: str, properties: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(name, properties, *args, **kwargs)
        self._synchronization = AcqSynch.SoftwareTrigger
        self._repetitions, self._cycle = 1, 0.0
        self._begin = time.monotonic()
        self._aborted = False
        self._given: dict[int, int] = {}
        self._shapes: dict[int, Sequence[int]] = {}

    def SetCtrlPar(self, name: str, value: Any) -> None:
        if name == "synchronization":
            self._synchronization = value

    def GetCtrlPar(self, name: str) -> Any:
        return {"synchronization": self._synchronization, "latency_time": 0.0}.get(name)

    def GetAxisPar(self, axis: int, name: str) -> Any:
        return list(self._shape(axis)) if name == "shape" else None

    def LoadOne(self, axis: int, integ_time: float, repetitions: int, latency_time: float) -> None:
        self._repetitions, self._cycle = repetitions, integ_time + latency_time

    def StartOne(self, axis: int, value: float) -> None:
        self._given[axis] = 0

    def StartAll(self) -> None:
        self._begin = time.monotonic()
        self._aborted = False

    def AbortOne(self, axis: int) -> None:
        self._aborted = True

    def StateOne(self, axis: int) -> tuple[Any, str]:
        if not self._is_software_triggered and not self._aborted and self._triggers() < self._repetitions:
            return State.Moving, f"{self._triggers()} of {self._repetitions} triggers are over"
        return super().StateOne(axis)

    def ReadOne(self, axis: int) -> Any:
        value = fitted(self._read(axis), self._shapes.get(axis) or self._shape(axis))
        if self._is_software_triggered:
            return value
        before, self._given[axis] = self._given.get(axis, 0), self._triggers()
        return [value] * (self._given[axis] - before)

    @property
    def _is_software_triggered(self) -> bool:
        return self._synchronization in (AcqSynch.SoftwareTrigger, AcqSynch.SoftwareGate)

    def _triggers(self) -> int:
        """Return how many triggers there were, if they are in time: hardware does not tell."""
        return min(self._repetitions, int((time.monotonic() - self._begin) / self._cycle))

    def _shape(self, axis: int) -> Sequence[int]:
        """Return which shape the values of the next scan have."""
        self._shapes[axis] = tuple(self._extra[axis]["ResultShape"]) or self._read(axis).shape
        return self._shapes[axis]


class PipelineOneDController(_ArrayChannels, OneDController):
    """Spectra that a reducer publishes."""

    rank = 1


class PipelineTwoDController(_ArrayChannels, TwoDController):
    """Images that a reducer publishes."""

    rank = 2
