"""The names that Taurus has for attributes."""

from __future__ import annotations


def attribute_model(device: str, attribute: str) -> str:
    """Return the model of an attribute of a device, which is given by its full name."""
    path, without_database, _ = device.partition("#dbase=no")
    if without_database:
        path = path.replace("tango://", "tango-nodb://", 1)
    return f"{path}/{attribute}"
