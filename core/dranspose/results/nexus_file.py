"""A NeXus file of datasets that grow with the events of a scan, for readers that look at it while it is written.

The tree is ``/entry`` (NXentry) with ``data`` (NXdata) and ``process`` (NXprocess). The file is in HDF5's SWMR mode, in
which readers may have it open and a crash of the writer leaves it readable (with ``swmr=True``), but to which nothing
new can be added: for a new dataset the file is closed and opened again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from dranspose.results.rows import Rows

ENTRY = "entry"
DATA = f"{ENTRY}/data"
PROCESS = f"{ENTRY}/process"
CHUNK_BYTES = 2**18
CHUNK_ROWS = 1024

Value = npt.ArrayLike
Attributes = Mapping[str, Any]


class NexusFile:
    """The file, opened for writing, in place of one that is there; folders on the way to it are made.

    What `add` and `put` are given is kept until `flush`. Raises OSError where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = h5py.File(path, "w", libver="latest")
        self._pending: dict[str, dict[int, npt.NDArray[Any]]] = {}
        self._pending_whole: dict[str, tuple[npt.NDArray[Any], Attributes]] = {}
        self._rows = Rows()
        self._length = 0
        self.pending_bytes = 0
        """How much is kept until the next `flush`."""
        _describe(self._file, {"default": ENTRY})
        self.group(ENTRY, "NXentry", {"default": "data"})
        self.group(DATA, "NXdata")
        self.group(PROCESS, "NXprocess")

    def add(self, event: int, values: Mapping[str, Value]) -> None:
        """Put values into row ``event`` of the datasets at these paths, such as ``entry/data/intensity``; all or none.

        The first value of a dataset gives its dtype, and the shape of all its rows. All have as many rows as the last
        event needs; those that get no value are NaN, in datasets of other types than floats 0 or empty.

        Raises:
            UnfitValueError: a value has another shape than the rows of its dataset, or a type of another kind.
        """
        arrays = {name: _storable(value) for name, value in values.items()}
        self._rows.take(event, arrays)
        for name, array in arrays.items():
            self._pending.setdefault(name, {})[event] = array
            self.pending_bytes += array.nbytes
        self._length = max(self._length, event + 1)

    def put(self, name: str, value: Value, attributes: Attributes | None = None) -> None:
        """Write a dataset that does not grow, with its attributes, in place of one that is there.

        It may be put often: an array is written as it is at the next flush. Raises TypeError for what HDF5 has no type
        for.
        """
        attributes = attributes or {}
        array, *others = map(_storable, (value, *attributes.values()))
        for each in (array, *others):
            h5py.h5t.py_create(_dtype_of(each), logical=True)
        self._pending_whole[name] = (array, attributes)

    def group(self, name: str, nexus_class: str, attributes: Attributes | None = None) -> None:
        """Make a group, unless it is there, and set its attributes."""
        attributes = {"NX_class": nexus_class, **(attributes or {})}
        if name not in self._file or not _is_described(self._file[name], attributes):
            self._leave_swmr()
            _describe(self._file.require_group(name), attributes)

    def flush(self) -> None:
        """Write all that was added and put, so that readers see it and it outlives this process; raises OSError."""
        new = [name for name in self._pending if name not in self._file]
        if new:
            self._leave_swmr()
            for name in new:
                self._create(name)
        for name in self._rows.kinds:
            dataset = self._file[name]
            dataset.resize(self._length, axis=0)
            for first, values in _runs(self._pending.get(name, {})):
                dataset[first : first + len(values)] = values
        for name, (value, attributes) in self._pending_whole.items():
            self._write(name, value, attributes)
        self._pending.clear()
        self._pending_whole.clear()
        self.pending_bytes = 0
        if not self._file.swmr_mode:
            self._file.swmr_mode = True
        self._file.flush()

    def close(self) -> None:
        """Flush, and close the file; raises OSError."""
        if self._file:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _create(self, name: str) -> None:
        shape, dtype = self._rows.kinds[name]
        rows = CHUNK_BYTES // max(1, math.prod(shape) * dtype.itemsize)
        self._file.create_dataset(
            name,
            (0, *shape),
            maxshape=(None, *shape),
            chunks=(max(1, min(rows, CHUNK_ROWS)), *shape),
            dtype=h5py.string_dtype() if dtype.hasobject else dtype,
            fillvalue=np.nan if dtype.kind in "fc" else None,
        )

    def _write(self, name: str, value: npt.NDArray[Any], attributes: Attributes) -> None:
        if name in self._file:
            there = self._file[name]
            if (there.shape, there.dtype) == (value.shape, value.dtype) and _is_described(there, attributes):
                there[...] = value
                return
            self._leave_swmr()
            del self._file[name]
        self._leave_swmr()
        _describe(self._file.create_dataset(name, data=value, dtype=_dtype_of(value)), attributes)

    def _leave_swmr(self) -> None:
        """Open the file anew, unless new things can be put into it as it is."""
        if self._file.swmr_mode:
            self._file.close()
            self._file = h5py.File(self.path, "r+", libver="latest")


def _storable(value: Value) -> npt.NDArray[Any]:
    array = np.asarray(value)
    return array.astype(object) if array.dtype.kind == "U" else array  # text of any length


def _dtype_of(array: npt.NDArray[Any]) -> np.dtype[Any]:
    is_text = array.dtype.hasobject and all(isinstance(item, str) for item in array.flat)
    return h5py.string_dtype() if is_text else array.dtype


def _runs(rows: Mapping[int, npt.NDArray[Any]]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield stacks of rows that follow each other, each with the number of its first row."""
    run: list[npt.NDArray[Any]] = []
    first = 0
    for number in sorted(rows):
        if run and number != first + len(run):
            yield first, np.stack(run)
            run = []
        if not run:
            first = number
        run.append(rows[number])
    if run:
        yield first, np.stack(run)


def _describe(described: h5py.HLObject, attributes: Attributes) -> None:
    for name, value in attributes.items():
        described.attrs[name] = value


def _is_described(described: h5py.HLObject, attributes: Attributes) -> bool:
    return all(
        name in described.attrs and np.array_equal(described.attrs[name], attributes[name]) for name in attributes
    )
