"""Reads all of a tree with the h5pyd that is on the path, and prints as JSON what it got."""

import json
import sys
from collections.abc import Callable
from typing import Any

import h5pyd
import numpy as np


def plain(value: Any) -> Any:
    """Return what JSON can hold: nested lists of numbers and text."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, h5pyd.Empty):
        return None
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def read(item: Any, found: dict[str, Any]) -> None:
    attributes = {name: plain(item.attrs[name]) for name in item.attrs}
    if isinstance(item, h5pyd.Group):
        found[item.name] = ["group", len(item), attributes]
        for name in item:
            read(item[name], found)
    else:
        shape = None if item.shape is None else list(item.shape)
        found[item.name] = [str(item.dtype), shape, plain(item[()]), attributes]


SELECTIONS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda file: file["image"][1:3],
    "steps and index": lambda file: file["image"][::2, 1],
    "element": lambda file: file["image"][1, 2],
    "from the end": lambda file: file["image"][-1],
    "nothing": lambda file: file["image"][0:0].shape,
    "list": lambda file: file["image"][1:3, [0, 2, 5]],
    "mask": lambda file: file["image"][file["image"][...] > 20],
    "long list": lambda file: file["ramp"][[*range(0, 200, 2)], 0:2],
    "text": lambda file: file["texts"][2],
    "texts as str": lambda file: file["texts"].asstr()[:],
    "record": lambda file: file["records"][1],
    "iteration": lambda file: list(file["rows"]),
}

with h5pyd.File(sys.argv[1], "r") as root:
    tree: dict[str, Any] = {}
    read(root, tree)
    selections = {name: plain(select(root)) for name, select in SELECTIONS.items()}
print(json.dumps({"version": h5pyd.__version__, "tree": tree, "selections": selections}))
