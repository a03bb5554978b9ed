"""A reducer's published results written into an HDF5 file."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from dranspose.publish.tree import Node, Omissions, root
from dranspose.publish.values import NULL_DTYPE, Array, UnpublishableError


def dump(
    publish: Mapping[Any, Any], path: str | os.PathLike[str], lock: AbstractContextManager[Any] | None = None
) -> None:
    """Write a published dict into an HDF5 file, in place of one that is there.

    The dict is copied first, all of it under ``lock`` if one is given; then the file is written under a temporary name
    beside ``path`` and renamed, so that a reader finds the old file or the new one.

    Raises:
        OSError: the file cannot be written.

    """
    with nullcontext() if lock is None else lock:
        copies = list(_copies(root(publish, Omissions())))
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with h5py.File(unfinished, "x") as file:
            for copy in copies:
                _write(file, copy)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Copy:
    path: str
    is_group: bool
    array: Array | None
    attributes: dict[str, Array | None]


def _copies(node: Node) -> Iterator[_Copy]:
    for each in node.walk():
        try:
            array = None if each.is_group else _copied(each.array())
        except UnpublishableError as error:
            each.omissions.add(each.path, error)
        else:
            attributes = {name: _copied(value) for name, value in each.attributes().items()}
            yield _Copy(each.path, each.is_group, array, attributes)


def _copied(array: Array | None) -> Array | None:
    return None if array is None else array.copy()


def _write(file: h5py.File, copy: _Copy) -> None:
    written = file.require_group(copy.path) if copy.is_group else file.create_dataset(copy.path, **_data(copy.array))
    for name, array in copy.attributes.items():
        written.attrs.create(name, **_data(array))


def _data(array: Array | None) -> dict[str, Any]:
    if array is None:
        return {"data": h5py.Empty(NULL_DTYPE)}
    return {"data": array, "dtype": h5py.string_dtype() if array.dtype.hasobject else array.dtype}
