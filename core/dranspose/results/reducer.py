"""A reducer for the common case: values of each event, written to a NeXus file and published as they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dranspose.event import ResultData
from dranspose.protocol import HashDigest, ParameterName, ReducerState, WorkParameter
from dranspose.results.nexus_file import DATA, PROCESS, Attributes, NexusFile, Value

FLUSH_INTERVAL = 1.0  # seconds
FLUSH_BYTES = 2**25


class NexusReducer:
    """Base of reducers that write a NeXus file; readers may have it open meanwhile (SWMR).

    A subclass calls `open` when it knows the path, then `add` with the values of each event. A worker that returns
    dicts needs less still: a subclass with a `path`, as ``process_result`` adds what is in a dict.

    In ``/entry/data`` are the values, in row n those of event n. In ``/entry/process`` are the versions of the
    software, the trigger map where there is one, each set of parameters that was used, ``parameters_1`` the first, and
    in ``parameters_index`` which of them each event was processed with, 0 for an event without a result. What was added
    is in the file within a second. `publish` holds the data as well: scalars as growing arrays, of arrays the latest.

    Attributes:
        path: where the file is written unless `open` is called; None for no file until then.
        publish: what viewers see.
        publish_rlock: held while the published tree changes.
    """

    path: str | Path | None = None

    def __init__(
        self,
        parameters: Mapping[ParameterName, WorkParameter] | None = None,
        context: dict[Any, Any] | None = None,
        state: ReducerState | None = None,
        trigger_map: Mapping[str, Any] | None = None,
    ) -> None:
        self.publish_rlock = threading.RLock()
        self.publish: dict[str, Any] = {
            "_attrs": {"default": "entry"},
            "entry": {"data": {}, "data_attrs": {"NX_class": "NXdata"}},
            "entry_attrs": {"NX_class": "NXentry", "default": "data"},
        }
        self._data: dict[str, Any] = self.publish["entry"]["data"]
        self._columns: dict[str, _Column] = {}
        self._file: NexusFile | None = None
        self._sets: dict[HashDigest, int] = {}
        self._state = state
        self._trigger_map = trigger_map

    # for subclasses

    def open(self, path: str | Path) -> None:
        """Begin the file; where it is open already, as several workers announce the same start, do nothing."""
        with self.publish_rlock:
            if self._file is None:
                self._file = self._new_file(Path(path))

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
        with self.publish_rlock:
            file = self._opened()
            if file.pending_bytes > FLUSH_BYTES:
                file.flush()
            rows = {f"{DATA}/{name}": value for name, value in values.items()}
            rows[f"{PROCESS}/parameters_index"] = self._set_of(file, result.parameters_hash, parameters or {})
            file.add(event, rows)
            for name, value in values.items():
                self._show(name, event, np.asarray(value))

    def put(self, name: str, value: Value, **attributes: Any) -> None:
        """Write a dataset that is one for the whole scan, such as an axis, with its attributes, such as ``units``."""
        with self.publish_rlock:
            self._opened().put(f"{DATA}/{name}", value, attributes)
            self._data[name] = value
            self._data[f"{name}_attrs"] = attributes

    def plot(self, signal: str, *axes: str) -> None:
        """Say what of the data viewers draw: a dataset, over these (``.`` for an axis without values)."""
        attributes: Attributes = {"signal": signal} | ({"axes": list(axes)} if axes else {})
        with self.publish_rlock:
            self._opened().describe(DATA, attributes)
            self.publish["entry"]["data_attrs"] = {"NX_class": "NXdata", **attributes}

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

    def _opened(self) -> NexusFile:
        if self._file is None:
            if self.path is None:
                raise ValueError(f"{type(self).__name__} has no file yet: give it a path, or call open(path) first")
            self._file = self._new_file(Path(self.path))
        return self._file

    def _new_file(self, path: Path) -> NexusFile:
        file = NexusFile(path)
        file.put(f"{PROCESS}/program", "dranspose")
        if self._state is not None:
            file.put(f"{PROCESS}/version", self._state.dranspose_version)
            if (build := self._state.mapreduce_version) is not None:
                file.put(f"{PROCESS}/analysis_commit", build.commit_hash)
                file.put(f"{PROCESS}/analysis_repository", build.repository_url)
        if self._trigger_map is not None:
            file.put(f"{PROCESS}/trigger_map", json.dumps(self._trigger_map))
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

    def _show(self, name: str, event: int, value: npt.NDArray[Any]) -> None:
        if value.ndim:
            self._data[name] = value
            return
        column = self._columns.setdefault(name, _Column(value.dtype))
        self._data[name] = column.put(event, value)


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
        self._length = 0

    def put(self, event: int, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Set one value; return all up to the last event."""
        if event >= len(self._room):
            added = np.full(max(event + 1 - len(self._room), len(self._room)), self._fill, self._room.dtype)
            self._room = np.concatenate([self._room, added])
        self._room[event] = value
        self._length = max(self._length, event + 1)
        return self._room[: self._length]
