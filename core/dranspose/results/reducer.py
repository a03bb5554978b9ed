"""A reducer for the common case: values of each event, written to a NeXus file and published as they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from dranspose.event import ResultData
from dranspose.protocol import HashDigest, ParameterName, ReducerState, WorkParameter
from dranspose.results.nexus_file import DATA, ENTRY, PROCESS, Attributes, NexusFile, Value
from dranspose.results.rows import Rows

FLUSH_INTERVAL = 1.0  # seconds
FLUSH_BYTES = 2**25


class NexusReducer:
    """Base of reducers that write a NeXus file; readers may have it open meanwhile (SWMR).

    A subclass calls `open` when it knows the path, then `add` with the values of each event. A worker that returns
    dicts needs less still: a subclass with a `path`, as ``process_result`` adds what is in a dict.

    In ``/entry/data`` are the values, in row n those of event n. In ``/entry/process`` are the versions of the
    software, the trigger map where there is one, each set of parameters that was used, ``parameters_1`` the first, and
    in ``parameters_index`` which of them each event was processed with, 0 for an event without a result. What was added
    is in the file within a second.

    `publish` holds the data as well: scalars as growing arrays, of arrays the latest. Its ``entry/process/arrivals``
    has the numbers of the events in the order in which they were added, for `dranspose.results.news`.

    Attributes:
        path: where the file is written unless `open` is called; empty for no file, None for one that `open` names.
        publish: what viewers see.
        publish_rlock: held while the published tree changes.
    """

    path: str | Path | None = None

    def __init__(
        self,
        parameters: Mapping[ParameterName, WorkParameter] | None = None,
        context: dict[Any, Any] | None = None,
        state: ReducerState | None = None,
    ) -> None:
        self.publish_rlock = threading.RLock()
        self.publish: dict[str, Any] = {
            "_attrs": {"default": "entry"},
            "entry": {
                "entry_identifier_uuid": str((state and state.mapping_uuid) or uuid4()),
                "data": {},
                "data_attrs": {"NX_class": "NXdata"},
                "process": {"arrivals": np.empty(0, np.int64), "arrivals_attrs": {"columns": []}},
                "process_attrs": {"NX_class": "NXprocess"},
            },
            "entry_attrs": {"NX_class": "NXentry", "default": "data"},
        }
        self._entry: dict[str, Any] = self.publish["entry"]
        self._data: dict[str, Any] = self._entry["data"]
        self._process: dict[str, Any] = self._entry["process"]
        self._published_rows = Rows()
        self._columns: dict[str, _Column] = {}
        self._length = 0
        self._arrivals = _Column(np.dtype(np.int64))
        self._arrived = 0
        self._begun = False
        self._file: NexusFile | None = None
        self._sets: dict[HashDigest, int] = {}
        self._state = state

    # for subclasses

    def open(self, path: str | Path) -> None:
        """Begin the file, or do without one if the path is empty, as detectors tell it in a live view.

        Where it has begun already, as several workers announce the same start, do nothing. Raises OSError where the
        file cannot be written.
        """
        with self.publish_rlock:
            if not self._begun:
                self._file = self._new_file(Path(path)) if str(path) else None
                self._begun = True

    def add(
        self,
        result: ResultData,
        parameters: Mapping[ParameterName, WorkParameter] | None = None,
        /,
        **values: Value,
    ) -> None:
        """Add the values of the event that a result is of, each to the dataset of its name.

        Raises:
            UnfitValueError: a value has another shape than in the first event, or a type of another kind.
        """
        event = result.event_number
        arrays = {name: np.asarray(value) for name, value in values.items()}
        with self.publish_rlock:
            if (file := self._opened()) is not None:
                if file.pending_bytes > FLUSH_BYTES:
                    file.flush()
                rows: dict[str, Value] = {f"{DATA}/{name}": array for name, array in arrays.items()}
                rows[f"{PROCESS}/parameters_index"] = self._set_of(file, result.parameters_hash, parameters or {})
                file.add(event, rows)
            else:
                self._published_rows.take(event, arrays)
            self._show(event, arrays)

    def put(self, name: str, value: Value, **attributes: Any) -> None:
        """Write a dataset that is one for the whole scan, such as an axis, with its attributes, such as ``units``.

        It may be put again at any rate, as a sum is that grows with each event.
        """
        with self.publish_rlock:
            if (file := self._opened()) is not None:
                file.put(f"{DATA}/{name}", value, attributes)
            self._data[name] = value
            self._data[f"{name}_attrs"] = attributes

    def plot(self, signal: str, *axes: str) -> None:
        """Say what of the data viewers draw: a dataset, over these (``.`` for an axis without values)."""
        attributes: Attributes = {"signal": signal} | ({"axes": list(axes)} if axes else {})
        with self.publish_rlock:
            if (file := self._opened()) is not None:
                file.group(DATA, "NXdata", attributes)
            self._entry["data_attrs"] = {"NX_class": "NXdata", **attributes}

    # the hooks

    def process_result(
        self, result: ResultData, parameters: Mapping[ParameterName, WorkParameter] | None = None
    ) -> None:
        """Add what the worker returned, if it is a dict."""
        if isinstance(result.payload, Mapping):
            self.add(result, parameters, **result.payload)

    def timer(self) -> float:
        """Bring what was added into the file, every second."""
        with self.publish_rlock:
            if self._file is not None:
                self._file.flush()
        return FLUSH_INTERVAL

    def finish(self, parameters: Mapping[ParameterName, WorkParameter] | None = None) -> None:
        """Close the file."""
        with self.publish_rlock:
            if self._file is not None:
                self._file.close()

    def _opened(self) -> NexusFile | None:
        """Return the file, None if there is to be none."""
        if not self._begun:
            if self.path is None:
                raise ValueError(f"{type(self).__name__} has no file yet: give it a path, or call open(path) first")
            self.open(self.path)
        return self._file

    def _new_file(self, path: Path) -> NexusFile:
        file = NexusFile(path)
        file.put(f"{ENTRY}/entry_identifier_uuid", self._entry["entry_identifier_uuid"])
        file.put(f"{PROCESS}/program", "dranspose")
        if self._state is not None:
            file.put(f"{PROCESS}/version", self._state.dranspose_version)
            if (build := self._state.mapreduce_version) is not None:
                file.put(f"{PROCESS}/analysis_commit", build.commit_hash)
                file.put(f"{PROCESS}/analysis_repository", build.repository_url)
            if self._state.trigger_map is not None:
                file.put(f"{PROCESS}/trigger_map", json.dumps(self._state.trigger_map.to_json()))
        return file

    def _set_of(self, file: NexusFile, digest: HashDigest, parameters: Mapping[ParameterName, WorkParameter]) -> int:
        """Return which of the sets of parameters this one is, and write it if it is new."""
        if (place := self._sets.get(digest)) is not None:
            return place
        place = self._sets[digest] = len(self._sets) + 1
        group = f"{PROCESS}/parameters_{place}"
        file.group(group, "NXparameters", {"hash": digest})
        for name, parameter in parameters.items():
            value = parameter.data if parameter.value is None else parameter.value
            file.put(f"{group}/{name}", _readable(value) if isinstance(value, bytes) else value)
        return place

    def _show(self, event: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, value in values.items():
            if value.ndim:
                self._data[name] = value
            else:
                self._columns.setdefault(name, _Column(value.dtype)).put(event, value[()])
        self._length = max(self._length, event + 1)
        for name, column in self._columns.items():
            self._data[name] = column.rows(self._length)
        self._arrivals.put(self._arrived, event)
        self._arrived += 1
        self._process["arrivals"] = self._arrivals.rows(self._arrived)
        self._process["arrivals_attrs"] = {"columns": list(self._columns)}


def _readable(content: bytes) -> str | npt.NDArray[np.uint8]:
    """Return text, such as a poni file, as text, and anything else as numbers."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    return np.frombuffer(content, np.uint8) if "\0" in text else text


class _Column:
    """An array that grows with the events."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        if dtype.kind == "U":  # of any length
            dtype = np.dtype(object)
        self._fill: Any = np.nan if dtype.kind in "fc" else "" if dtype.hasobject else 0
        self._room = np.full(1024, self._fill, dtype)

    def put(self, row: int, value: npt.ArrayLike) -> None:
        """Set one value."""
        self.rows(row + 1)[row] = value

    def rows(self, length: int) -> npt.NDArray[Any]:
        """Return so many rows."""
        if length > len(self._room):
            added = np.full(max(length - len(self._room), len(self._room)), self._fill, self._room.dtype)
            self._room = np.concatenate([self._room, added])
        return self._room[:length]
