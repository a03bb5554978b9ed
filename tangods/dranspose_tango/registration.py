"""The devices of an ensemble in a Tango database: what is to be changed there, and the same for dsconfig."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tango

from dranspose_tango.ensemble import FAMILY, PROPERTIES, Device, Ensemble, Properties


@dataclass(frozen=True, slots=True)
class Addition:
    """A device that the database does not have under this server."""

    device: Device

    def __str__(self) -> str:
        return f"+ {self.device.name} ({self.device.server}/{self.device.instance})"

    def apply(self, database: tango.Database) -> None:
        """Add the device."""
        info = tango.DbDevInfo()
        info.name = self.device.name
        info._class = self.device.server  # noqa: SLF001 - it has no other name
        info.server = f"{self.device.server}/{self.device.instance}"
        database.add_device(info)


@dataclass(frozen=True, slots=True)
class Removal:
    """A device of the ensemble that it has no longer."""

    name: str

    def __str__(self) -> str:
        return f"- {self.name}"

    def apply(self, database: tango.Database) -> None:
        """Delete the device."""
        database.delete_device(self.name)


@dataclass(frozen=True, slots=True)
class Setting:
    """A property with another value than the ensemble gives it; no value: the device's own default."""

    name: str
    key: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        return f"~ {self.name} {self.key}: {_shown(self.before)} -> {_shown(self.after)}"

    def apply(self, database: tango.Database) -> None:
        """Write the property, or delete it."""
        if self.after:
            database.put_device_property(self.name, {self.key: list(self.after)})
        else:
            database.delete_device_property(self.name, self.key)


Change = Addition | Removal | Setting


def differences(database: tango.Database, ensemble: Ensemble) -> Iterator[Change]:
    """Yield what makes the database hold the ensemble's devices and no others of its name.

    Properties that an ensemble does not set, such as ``logging_level`` and what a device remembers, are left alone.
    """
    wanted = {device.name.lower(): device for device in ensemble.devices}
    present = _servers(database, ensemble)
    for name in sorted(set(present) - set(wanted)):
        yield Removal(name)
    for device in wanted.values():
        if present.get(device.name.lower()) != f"{device.server}/{device.instance}":
            yield Addition(device)
        before = _properties(database, device.name)
        for key in PROPERTIES:
            if before.get(key, ()) != (after := device.properties.get(key, ())):
                yield Setting(device.name, key, before.get(key, ()), after)


def to_dsconfig(ensemble: Ensemble) -> dict[str, Any]:
    """Return the ensemble in the format of dsconfig's ``json2tango``."""
    servers: dict[str, Any] = {}
    for device in ensemble.devices:
        properties = {key: list(values) for key, values in device.properties.items()}
        classes = servers.setdefault(device.server, {}).setdefault(device.instance, {})
        classes.setdefault(device.server, {})[device.name] = {"properties": properties} if properties else {}
    return {"servers": servers}


def _servers(database: tango.Database, ensemble: Ensemble) -> dict[str, str]:
    """Return the devices of the ensemble's domain and family in lower case, with the server of each."""
    family = f"{ensemble.name}/{FAMILY}"
    names = [f"{family}/{member}" for member in database.get_device_member(f"{family}/*")]
    return {name.lower(): database.get_device_info(name).ds_full_name for name in names}


def _properties(database: tango.Database, name: str) -> Properties:
    return {key: tuple(values) for key, values in database.get_device_property(name, list(PROPERTIES)).items()}


def _shown(values: tuple[str, ...]) -> str:
    return ", ".join(values) or "default"
