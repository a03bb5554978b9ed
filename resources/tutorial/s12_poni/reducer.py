from pathlib import Path

import h5py
import numpy as np

from .worker import Result, Start


class TestReducer:
    def __init__(self, *args, **kwargs):
        self.publish = {"intensity": [], "I": np.empty((0, 0), np.float32)}
        self._fh = None

    def process_result(self, result, parameters=None):
        if isinstance(result.payload, Start) and self._fh is None:
            self._open(result.payload, parameters)
        elif isinstance(result.payload, Result):
            self._write("reduced", result.event_number, result.payload.intensity)
            self._write("I", result.event_number, result.payload.integrated)
            self.publish["intensity"] = self._fh["reduced"][:]
            self.publish["I"] = self._fh["I"][:]

    def finish(self, parameters=None):
        if self._fh is not None:
            self._fh.close()

    def _open(self, start, parameters):
        raw = Path(start.filename)
        processed = raw.with_name(f"{raw.stem}_processed{raw.suffix}")
        processed.parent.mkdir(parents=True, exist_ok=True)
        bins = len(start.radial_axis)
        self._fh = h5py.File(processed, "w")
        self._fh.create_dataset("reduced", (0,), maxshape=(None,), dtype=np.float32)
        self._fh.create_dataset("I", (0, bins), maxshape=(None, bins), dtype=np.float32)
        self._fh.create_dataset("radial_axis", data=start.radial_axis)
        self._fh.create_dataset("till_x", data=parameters["till_x"].value)
        self._fh.create_dataset("from_y", data=parameters["from_y"].value)
        self._fh.create_dataset("poni", data=parameters["poni"].value.decode())
        self.publish["radial_axis"] = start.radial_axis

    def _write(self, dataset, event_number, value):
        dset = self._fh[dataset]
        dset.resize(max(1 + event_number, len(dset)), axis=0)
        dset[event_number] = value
