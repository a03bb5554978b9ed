"""Attributes that come and go while a device runs: what an analysis describes as parameters, and what it publishes."""

from __future__ import annotations

import itertools
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tango import AttrDataFormat, AttrQuality, AttrWriteType, AutoTangoMonitor, CmdArgType
from tango.server import attribute

from dranspose.parameters import Parameter
from dranspose.publish.tree import Omissions, root
from dranspose.publish.values import Array
from dranspose_tango.node_device import NodeDevice
from dranspose_tango.text import latin

logger = logging.getLogger(__name__)

MAX_PUBLISHED = 200
"""So many values of one `publish` are shown as attributes."""

MAX_DIMENSION = 2**31 - 1
UNLIMITED = 2**63
"""Limits of a parameter that Tango has no number for are the controller's alone to check."""
NUMBER = "%.10g"
"""Floating point numbers as text: those of Tango's own format, ``%6.2f``, lose what is small."""

EMPTY_BEFORE_REMOVAL = 0.5
"""Seconds that an attribute has no value before it is removed: Tango crashes if that is done while a client is being
sent the value."""

FORMATS = (AttrDataFormat.SCALAR, AttrDataFormat.SPECTRUM, AttrDataFormat.IMAGE)

PARAMETER_TYPES = {
    "int": CmdArgType.DevLong64,
    "float": CmdArgType.DevDouble,
    "str": CmdArgType.DevString,
    "bool": CmdArgType.DevBoolean,
    "binary": CmdArgType.DevEncoded,
}

ARRAY_TYPES = {
    "b1": (CmdArgType.DevBoolean, "?"),
    "i1": (CmdArgType.DevShort, "i2"),
    "i2": (CmdArgType.DevShort, "i2"),
    "i4": (CmdArgType.DevLong, "i4"),
    "i8": (CmdArgType.DevLong64, "i8"),
    "u1": (CmdArgType.DevUChar, "u1"),
    "u2": (CmdArgType.DevUShort, "u2"),
    "u4": (CmdArgType.DevULong, "u4"),
    "u8": (CmdArgType.DevULong64, "u8"),
    "f2": (CmdArgType.DevFloat, "f4"),
    "f4": (CmdArgType.DevFloat, "f4"),
    "f8": (CmdArgType.DevDouble, "f8"),
}
"""The type of Tango for each of numpy's (kind and size in bytes), and of which numpy type its values are."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a client can know of an attribute before it reads it."""

    name: str
    dtype: CmdArgType
    rank: int = 0
    label: str = ""
    unit: str = ""
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @classmethod
    def of_parameter(cls, parameter: Parameter[Any]) -> Definition:
        """Return the attribute that a parameter is written and read as."""
        doc = latin(parameter.description or f"Parameter {parameter.name} of the analysis.")
        limits = {name: limit for name, limit in parameter.limits.items() if abs(limit) < UNLIMITED}
        dtype = PARAMETER_TYPES[parameter.dtype]
        return cls(parameter.name, dtype, label=parameter.name, unit=latin(parameter.unit), doc=doc, **limits)

    @property
    def blank(self) -> Any:
        """A value of its type, which Tango asks for even to tell that there is none."""
        return [] if self.rank else "" if self.dtype is CmdArgType.DevString else 0


class DynamicAttributes:
    """The attributes of a device that follow what there is to show; only for the device's reporting thread.

    Args:
        device: whose they are.
        read: gives the value of an attribute; None for one that has no value at present.
        write: takes a value that a client writes; without it they are for reading only.
    """

    def __init__(
        self, device: NodeDevice, read: Callable[[Definition], Any], write: Callable[[str, Any], None] | None = None
    ) -> None:
        self._device = device
        self._read = read
        self._write = write
        self._there: dict[str, Definition] = {}
        self._leaving: dict[str, float] = {}
        self._gone: set[str] = set()
        self._refused: set[Definition] = set()

    def follow(self, definitions: Mapping[str, Definition]) -> bool:
        """Have these attributes and no others, by and by; clients are told by an interface change event.

        One that is to go, or to be of another type, has no value for a time first.

        Returns:
            Whether all that are wanted are as they are wanted.
        """
        now = time.monotonic()
        for name, known in list(self._there.items()):
            if definitions.get(name) == known:
                self._leaving.pop(name, None)
            elif now >= self._leaving.setdefault(name, now + EMPTY_BEFORE_REMOVAL):
                self._remove(name)
        taken = {name.lower() for name in self._leaving}
        for name, definition in definitions.items():
            if name not in self._there and name.lower() not in taken and definition not in self._refused:
                self._add(definition)
        if self._leaving:
            self._device.wake()
        return taken.isdisjoint(name.lower() for name in definitions)

    @property
    def names(self) -> list[str]:
        """The names of those that there are and that are to stay."""
        return [name for name in list(self._there) if name not in self._leaving]

    def push(self) -> None:
        """Push events of what has changed, which then is what clients see as written last."""
        for name, definition in self._there.items():
            if definition.dtype is CmdArgType.DevEncoded:  # may be too large to be sent to whoever listens
                continue
            value = self._value(name)
            if value is None:
                self._device.push_absence(name, definition.blank)
            elif self._device.push(name, value) and self._write is not None:
                self._show_as_written(name, value)

    def _show_as_written(self, name: str, value: Any) -> None:
        try:
            with AutoTangoMonitor(self._device):
                self._device.get_device_attr().get_w_attr_by_name(name).set_write_value(value)
        except Exception as error:  # noqa: BLE001 - such as a whole number of more than 64 bits
            logger.warning("%s: Tango cannot carry %.60r: %s", name, value, error)

    def _value(self, name: str) -> Any:
        definition = self._there.get(name)
        return None if definition is None or name in self._leaving else self._read(definition)

    def _remove(self, name: str) -> None:
        self._device.remove_attribute(name)
        self._device.forget(name)
        del self._there[name], self._leaving[name]
        self._gone.add(name)

    def _add(self, definition: Definition) -> None:
        attributes = self._device.get_device_attr()
        taken = {attributes.get_attr_by_ind(i).get_name().lower() for i in range(attributes.get_attr_nb())}
        if definition.name.lower() in taken or not re.fullmatch(r"\w[\w.-]*", definition.name):
            self._refused.add(definition)
            logger.error("%r is no attribute: Tango or the device has another use for the name", definition.name)
            return
        limits = {"min_value": definition.minimum, "max_value": definition.maximum}
        self._device.add_attribute(
            attribute(
                name=definition.name,
                dtype=definition.dtype,
                dformat=FORMATS[definition.rank],
                max_dim_x=MAX_DIMENSION if definition.rank else 1,
                max_dim_y=MAX_DIMENSION if definition.rank == 2 else 0,
                label=definition.label or definition.name,
                unit=definition.unit,
                format=NUMBER if definition.dtype in (CmdArgType.DevDouble, CmdArgType.DevFloat) else "",
                doc=definition.doc,
                **{name: limit for name, limit in limits.items() if limit is not None},
                access=AttrWriteType.READ if self._write is None else AttrWriteType.READ_WRITE,
                fget=self._read_attribute,
                fset=self._write_attribute,
            )
        )
        is_pushed = definition.dtype is not CmdArgType.DevEncoded
        self._device.set_change_event(definition.name, is_pushed, False)
        self._there[definition.name] = definition
        if is_pushed and definition.name in self._gone:
            self._device.keep_listeners(definition.name)

    def _read_attribute(self, _device: NodeDevice, attr: Any) -> Any:
        value = self._value(attr.get_name())
        if value is None:
            attr.set_quality(AttrQuality.ATTR_INVALID)
        return value

    def _write_attribute(self, _device: NodeDevice, attr: Any) -> None:
        if self._write is not None:
            self._write(attr.get_name(), attr.get_write_value())


@dataclass(frozen=True, slots=True)
class Published:
    """A published value as an attribute: `value` is a copy, which nobody changes."""

    definition: Definition
    value: Any


def published(publish: Mapping[Any, Any], omissions: Omissions) -> dict[str, Published]:
    """Return what of a published tree Tango has a type for: scalars, spectra, images and lists of text.

    A value's attribute is named by its path: ``map/x`` is ``map_x``. The HDF5 attributes ``units``, ``long_name`` and
    ``description`` of a dataset are unit, label and doc.
    """
    found: dict[str, Published] = {}
    datasets = (node for node in root(publish, omissions).walk() if not node.is_group and node.has_array())
    for node in itertools.islice(datasets, MAX_PUBLISHED):
        array = node.array()
        if array is None or (typed := _typed(array)) is None:
            continue
        dtype, value = typed
        name = _attribute_name(node.path)
        if name in found:
            omissions.add(node.path, f"another value is shown as attribute {name}")
            continue
        described = {key: latin(str(text)) for key, text in node.attributes().items()}
        definition = Definition(
            name,
            dtype,
            array.ndim,
            described.get("long_name", node.path),
            described.get("units", ""),
            described.get("description", f"What the analysis publishes as {node.path}."),
        )
        found[name] = Published(definition, value)
    if next(datasets, None) is not None:
        omissions.add("the rest", f"only {MAX_PUBLISHED} values are shown as attributes: all are to be had over HTTP")
    return found


def plots(publish: Mapping[Any, Any], omissions: Omissions) -> list[str]:
    """Return what is drawn over what: the attribute of a signal, and those of its axes, with blanks between.

    That is told by groups with the HDF5 attributes ``NX_class`` = ``NXdata``, ``signal`` and ``axes``, of which one may
    be ``.`` for none (NeXus, NXdata, 2024).
    """
    found = []
    for node in root(publish, omissions).walk():
        if not node.is_group:
            continue
        said = {name: np.atleast_1d(value).tolist() for name, value in node.attributes().items() if value is not None}
        if said.get("NX_class") == ["NXdata"] and "signal" in said:
            names = [*said["signal"], *said.get("axes", ())]
            attributes = [name if name == "." else _attribute_name(f"{node.path}/{name}") for name in names]
            found.append(" ".join(attributes))
    return found


def _attribute_name(path: str) -> str:
    return re.sub(r"[^\w.-]+", "_", path.strip("/"))


def _typed(array: Array) -> tuple[CmdArgType, Any] | None:
    if array.ndim < 2 and array.dtype.kind == "O":
        return CmdArgType.DevString, latin(array.item()) if array.ndim == 0 else [
            latin(text) for text in array.tolist()
        ]
    known = ARRAY_TYPES.get(array.dtype.str[1:])
    if known is None or array.ndim > 2:
        return None
    dtype, kind = known
    return dtype, array.item() if array.ndim == 0 else np.array(array, kind, order="C")
