"""Selections of the HDF REST API (ranges, lists of indices, points) applied to arrays."""

import math
import re
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dranspose.publish.values import Array

Indices: TypeAlias = npt.NDArray[np.intp]

_DIMENSION = re.compile(
    r"(?:(?P<start>[0-9]*):(?P<stop>[0-9]*)(?::(?P<step>[0-9]*))?"
    r"|(?P<index>[0-9]+)"
    r"|\[(?P<list>[0-9]+(?:,[0-9]+)*)\])(?:,|$)"
)


class SelectionError(ValueError):
    """A selection that is none, or that does not fit the dataset."""


def hyperslab(array: Array, select: str) -> Array:
    """Select from an array as ``[0:10:2,5,[1,4,7]]`` does: for each dimension a range, an index or a list of indices.

    A dimension with an index stays, with length 1. Several lists have one length, their indices go together, and they
    make one dimension at the place of the first list. Without a list the result is a view.

    Raises:
        SelectionError: the text has another form, or reaches out of the array.

    """
    text = select.replace(" ", "")
    if not (text.startswith("[") and text.endswith("]")):
        raise SelectionError(f"a selection has the form [start:stop:step,...], not {select[:80]!r}")
    position, end = 1, len(text) - 1
    ranges: list[slice] = []
    lists: dict[int, Indices] = {}
    while (match := _DIMENSION.match(text, position, end)) and len(ranges) < array.ndim:
        length = array.shape[len(ranges)]
        if match["list"]:
            lists[len(ranges)] = _indices(match["list"], length)
            ranges.append(slice(None))
        else:
            ranges.append(_range(match, length))
        position = match.end()
    if position < end or len(ranges) != array.ndim:
        raise SelectionError(f"{select[:80]!r} selects nothing from a dataset of {array.ndim} dimensions")
    index: tuple[Any, ...] = (*ranges, ...)
    within: Array = array[index]
    return _taken(within, lists) if lists else within


def points(array: Array, coordinates: npt.NDArray[Any]) -> Array:
    """Select single elements; ``coordinates`` are integers and have the shape (points, dimensions).

    Raises:
        SelectionError: the coordinates have another shape or type, or are out of the array.

    """
    fit = array.ndim > 0 and coordinates.ndim == 2 and coordinates.shape[1] == array.ndim
    if not fit or coordinates.dtype.kind not in "iu":
        raise SelectionError(f"a point of this dataset is a list of {array.ndim} indices")
    if np.any(coordinates < 0) or np.any(coordinates >= np.asarray(array.shape)):
        raise SelectionError(f"a point is out of the shape {array.shape}")
    selected: Array = array[tuple(coordinates.astype(np.intp).T)]
    return selected


def fields(array: Array, names: list[str]) -> Array:
    """Select fields of a structured array, as a view.

    Raises:
        SelectionError: the array has no such field.

    """
    if unknown := set(names) - set(array.dtype.names or ()):
        raise SelectionError(f"the dataset has no field {sorted(unknown)[0]!r}")
    return array[names]


def _range(match: re.Match[str], length: int) -> slice:
    if match["index"]:
        start = _number(match["index"])
        stop, step = start + 1, 1
    else:
        start, stop, step = (
            _number(match[part] or default) for part, default in (("start", "0"), ("stop", str(length)), ("step", "1"))
        )
    if not (start <= stop <= length and step):
        raise SelectionError(f"{match[0].rstrip(',')!r} is no range within a dimension of length {length}")
    return slice(start, stop, step)


def _indices(text: str, length: int) -> Indices:
    indices = np.array([_number(part) for part in text.split(",")], dtype=np.intp)
    if np.any(indices >= length):
        raise SelectionError(f"an index is out of a dimension of length {length}")
    return indices


def _number(digits: str) -> int:
    if len(digits) > 18:
        raise SelectionError(f"{digits[:18]}... is no 64-bit number")
    return int(digits)


def _taken(array: Array, lists: dict[int, Indices]) -> Array:
    axes = list(lists)
    counts = {indices.size for indices in lists.values()}
    if len(counts) > 1:
        raise SelectionError("lists of indices have one length")
    if counts.pop() > math.prod(array.shape[axis] for axis in axes):
        raise SelectionError("lists of indices select more than the dataset holds")
    taken = array[tuple(lists.get(axis, slice(None)) for axis in range(array.ndim))]
    adjacent = axes[-1] - axes[0] == len(axes) - 1
    return taken if adjacent else np.moveaxis(taken, 0, axes[0])  # numpy puts the dimension of separate lists first
