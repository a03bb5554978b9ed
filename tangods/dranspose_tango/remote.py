"""The controller of an ensemble, as a program reaches it through Tango: scans and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tango

from dranspose.parameters import TYPES, BinaryParameter, Parameter, ParameterError, StrParameter
from dranspose_tango.tango_errors import explain

IN_SCAN = ("MOVING", "RUNNING")
SOUND = "STANDBY"


class RemoteError(Exception):
    """The controller cannot be reached, or refuses what it was asked for; says why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a scan is going.

    Attributes:
        scan: the id of the controller's present or latest scan.
        state, status: of the controller.
        completed, total: numbers of events.
    """

    scan: str
    state: str
    status: str
    completed: int
    total: int

    @property
    def is_over(self) -> bool:
        """Whether no scan runs."""
        return self.state not in IN_SCAN

    @property
    def went_well(self) -> bool:
        """Whether the scan is over without a failure."""
        return self.state == SOUND


@dataclass(frozen=True, slots=True)
class Described:
    """A parameter that the analysis describes, and the size of its value in bytes."""

    parameter: Parameter[Any]
    size: int

    @property
    def name(self) -> str:
        """The name of the parameter."""
        return self.parameter.name

    @property
    def is_binary(self) -> bool:
        """Whether its value is the content of a file."""
        return isinstance(self.parameter, BinaryParameter)


class RemoteController:
    """A controller device; its name may be a full one, ``tango://host:port/domain/family/member``.

    Raises:
        RemoteError: from everything that it does.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        with self._explained():
            self.device = tango.DeviceProxy(name)
            self.device.ping()

    def arm(self, trigger_map: str) -> str:
        """Begin a scan with a trigger map in JSON; return the id of the scan."""
        with self._explained():
            scan: str = self.device.Arm(trigger_map)
            return scan

    def stop(self) -> None:
        """End the scan early; what has been begun is finished."""
        with self._explained():
            self.device.Stop()

    def abort(self) -> None:
        """End the scan at once; what has been begun is dropped."""
        with self._explained():
            self.device.Abort()

    @property
    def streams(self) -> list[str]:
        """The streams of the ingesters that are there."""
        with self._explained():
            return list(self.device.streams or ())

    def nodes(self) -> set[str]:
        """Return the names, in lower case, of the devices that the controller deals with now."""
        with self._explained():
            device = self.device
            return {name.lower() for name in (*(device.ingesters or ()), *(device.workers or ()), device.reducer)}

    def progress(self) -> Progress:
        """Return how the scan is going."""
        with self._explained():
            state, *rest = self.device.read_attributes(["State", "Status", "scanId", "completedEvents", "totalEvents"])
            status, scan, completed, total = (attribute.value for attribute in rest)
            return Progress(scan, str(state.value), status, completed, total)

    def parameters(self) -> dict[str, Parameter[Any]]:
        """Return the parameters that the classes of the analysis describe, and the controller has attributes of."""
        return {each.name: each.parameter for each in self.describe()}

    def describe(self) -> list[Described]:
        """Return what can be known of those parameters without their values."""
        with self._explained():
            shown = set(self.device.get_attribute_list())
            described = json.loads(self.device.DescribeParameters())
        return [_described(**each) for each in described if each["name"] in shown]

    def parameter(self, name: str) -> Parameter[Any]:
        """Return the parameter of this name."""
        parameters = self.parameters()
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise RemoteError(f"{self.name}: the analysis has no parameter {name!r}; it has {known}")
        return parameters[name]

    def read_parameter(self, parameter: Parameter[Any]) -> Any:
        """Return the value of a parameter."""
        with self._explained():
            value = self.device.read_attribute(parameter.name).value
        return value[1] if isinstance(parameter, BinaryParameter) else value

    def write_parameter(self, parameter: Parameter[Any], data: bytes) -> None:
        """Change a parameter to the value that the bytes stand for: its text, or the content of a binary one."""
        try:
            value = parameter.from_bytes(data)
        except ParameterError as error:
            raise RemoteError(str(error)) from None
        with self._explained():
            match parameter:
                case StrParameter():
                    self.device.UploadParameter((parameter.name, data))  # as attribute, text can only be Latin-1
                case BinaryParameter():
                    self.device.write_attribute(parameter.name, ("", value))
                case _:
                    self.device.write_attribute(parameter.name, value)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except tango.DevFailed as error:
            raise RemoteError(f"{self.name}: {explain(error)}") from None


def _described(dtype: str, size: int, **described: Any) -> Described:
    return Described(TYPES[dtype](**{name: value for name, value in described.items() if value is not None}), size)
