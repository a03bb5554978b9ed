"""Writes what the device classes say of themselves as a page for each: ``python resources/docs/device_pages.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tango
from tango.server import Device
from tango.test_context import MultiDeviceTestContext

from dranspose_tango.controller import DransposeController
from dranspose_tango.ingester import DransposeIngester
from dranspose_tango.reducer import DransposeReducer
from dranspose_tango.worker import DransposeWorker

FOLDER = Path(__file__).parent / "devices"
CLASSES = (DransposeController, DransposeIngester, DransposeWorker, DransposeReducer)
OF_TANGO = ("State", "Status", "Init")
ARRAYS = {tango.AttrDataFormat.SPECTRUM: "[]", tango.AttrDataFormat.IMAGE: "[][]"}


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each page."""
    names = {device_class: f"docs/{device_class.__name__}/1" for device_class in CLASSES}
    devices = [{"class": device_class, "devices": [{"name": name}]} for device_class, name in names.items()]
    with MultiDeviceTestContext(devices, process=False):
        for device_class, name in names.items():
            kind = device_class.__module__.rpartition(".")[2]
            yield FOLDER / f"{kind}.md", _page(device_class, tango.DeviceProxy(name))


def _page(device_class: type[Device], device: tango.DeviceProxy) -> str:
    introduction = (inspect.getdoc(device_class) or "").partition("\n")[0]
    parts = [
        f"# {device_class.__name__}",
        "<!-- made by device_pages.py from the class itself: change it there -->",
        f"{introduction} [Devices](../devices.md) tells how the classes work together.",
        "## States",
        _table(("state", "meaning, and what to do"), _states(device_class)),
        "## Properties",
        _table(("property", "type", "default", "meaning"), _properties(device_class)),
        "## Attributes",
        _table(("attribute", "type", "unit", "label", "meaning"), _attributes(device)),
        "## Commands",
        _table(("command", "takes", "returns", "what it does"), _commands(device_class, device)),
    ]
    return "\n\n".join(parts) + "\n"


def _states(device_class: type[Device]) -> Iterator[Sequence[str]]:
    """Yield each state with its meaning, from the section ``States:`` of a docstring."""
    documented = next(base.__doc__ for base in device_class.__mro__ if "States:" in (base.__doc__ or ""))
    section = inspect.cleandoc(documented or "").partition("States:\n")[2]
    for state, meaning in re.findall(r"^ {4}([A-Z]+): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
        yield f"`{state}`", " ".join(meaning.split())


def _properties(device_class: type[Device]) -> Iterator[Sequence[str]]:
    for name, (kind, doc, default, mandatory) in device_class.TangoClassClass.device_property_list.items():
        yield f"`{name}`", _type(kind), "must be set" if mandatory else _default(default), doc


def _default(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ", ".join(f"`{one}`" for one in values if one != "") or "none"


def _attributes(device: tango.DeviceProxy) -> Iterator[Sequence[str]]:
    for info in sorted(device.attribute_list_query(), key=lambda info: info.name):
        if info.name in OF_TANGO:
            continue
        kind = tango.CmdArgType.values[info.data_type]
        writable = "" if info.writable is tango.AttrWriteType.READ else ", writable"
        expert = " (expert)" if info.disp_level is tango.DispLevel.EXPERT else ""
        shape = ARRAYS.get(info.data_format, "")
        yield f"`{info.name}`", f"{_type(kind)}{shape}{writable}", info.unit, info.label, f"{info.description}{expert}"


def _commands(device_class: type[Device], device: tango.DeviceProxy) -> Iterator[Sequence[str]]:
    for info in sorted(device.command_list_query(), key=lambda info: info.cmd_name):
        if info.cmd_name in OF_TANGO:
            continue
        doc = " ".join((inspect.getdoc(getattr(device_class, info.cmd_name)) or "").split())
        takes = "" if info.in_type is tango.CmdArgType.DevVoid else f"{_type(info.in_type)}: {info.in_type_desc}"
        returns = "" if info.out_type is tango.CmdArgType.DevVoid else f"{_type(info.out_type)}: {info.out_type_desc}"
        yield f"`{info.cmd_name}`", takes, returns, doc


def _type(kind: tango.CmdArgType) -> str:
    return str(kind).removeprefix("Dev")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = ([cell.replace("|", r"\|").replace("<", r"\<") for cell in row] for row in rows)
    lines = (f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))
    return "\n".join(line.replace("  ", " ") for line in lines)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages():
        path.write_text(text)
