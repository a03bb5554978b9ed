"""The reducer device: runs the user's Reducer class, and shows what it publishes."""

from __future__ import annotations

from pathlib import Path

from tango.server import command, device_property

from dranspose.dataplane.reducer import Reducer
from dranspose.dataplane.statistics import ReducerStatistics
from dranspose.publish.hdf5_file import dump
from dranspose_tango.analysis_device import AnalysisDevice, time_shares
from dranspose_tango.controlled_device import counted
from dranspose_tango.node_device import reading, refuse


class DransposeReducer(AnalysisDevice):
    """Gives what the workers return to the user's Reducer class, and shows what that publishes."""

    BindInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface on which workers connect."
    )
    HttpInterface = device_property(
        dtype=str, default_value="127.0.0.1", doc="Address of the network interface that HTTP is served on."
    )
    HttpPort = device_property(
        dtype=int, default_value=0, doc="Where to serve results over HTTP, for h5pyd and silx; 0: not at all."
    )

    def init_device(self) -> None:
        """Start the node, with no results written."""
        self._results_file = ""
        super().init_device()

    def make_node(self) -> Reducer:
        """Return the reducer; raises AnalysisError, UserCodeError, ParameterError, OSError."""
        control = self.find_controller()
        return Reducer(
            self.get_name(),
            control.endpoint,
            self.load_analysis(),
            bind=f"tcp://{self.BindInterface}:*",
            http_host=self.HttpInterface,
            http_port=self.HttpPort or None,
            on_change=self.wake,
            keys=self.keys(),
            liveness=control.liveness,
        )

    @property
    def statistics(self) -> ReducerStatistics:
        """The latest statistics of the node; while there is none, those of one that has done nothing."""
        return ReducerStatistics() if self.node is None else self.node.statistics

    def troubles(self, statistics: ReducerStatistics) -> str:
        """Return in words what went wrong in a scan, nothing if nothing did."""
        counts = statistics.counts
        return counted({"results failed": counts.failed, "messages could not be read": counts.malformed})

    @reading(
        dtype="uint64", label="Reduced results", doc="How many results of this scan were given to the Reducer class."
    )
    def reducedResults(self) -> int:
        return self.statistics.counts.results

    @reading(dtype="uint64", label="Failed results", max_warning=1, doc="How often process_result raised in this scan.")
    def failedResults(self) -> int:
        return self.statistics.counts.failed

    @reading(
        dtype="uint64",
        label="Duplicate results",
        doc="How many results were left out, for they had come before, or from a worker that was given up.",
    )
    def duplicateResults(self) -> int:
        counts = self.statistics.counts
        return counts.twice + counts.fenced

    @reading(dtype="uint64", label="Waiting results", doc="How many results are in hand that have not been reduced.")
    def waitingResults(self) -> int:
        return self.statistics.lag

    @reading(
        dtype=float, label="Result rate", unit="1/s", format="%8.1f", doc="How many results are reduced per second."
    )
    def resultRate(self) -> float:
        return self.statistics.rate

    @reading(dtype=float, label="Data rate", unit="MB/s", format="%8.1f", doc="How much data comes from the workers.")
    def dataRate(self) -> float:
        return self.statistics.byte_rate / 1e6

    @reading(
        dtype=[float],
        max_dim_x=4,
        label="Time shares",
        unit="%",
        doc="What the time goes to: waiting, taking results in, the Reducer class, reports.",
    )
    def timeShares(self) -> list[float]:
        return time_shares(self.statistics.time)

    @command(dtype_in=str, doc_in="path of the HDF5 file, on the reducer's host")
    def DumpResults(self, path: str) -> None:
        """Write what is published into an HDF5 file, in place of any that is there; then resultsFile is its path."""
        origin = "DransposeReducer::DumpResults"
        if self.node is None:
            refuse("OPERATION_NOT_ALLOWED", self.condition()[1], origin)
        if not Path(path).parent.is_dir():
            refuse("FILE_NOT_WRITABLE", f"{path}: there is no such folder on the reducer's host", origin)
        publish, lock = self.node.published()

        def write() -> None:
            dump(publish, path, lock)
            self._results_file = path

        self.aside(f"write {path}", write)

    @reading(dtype=str, label="Results file", doc="The file that DumpResults has written last.")
    def resultsFile(self) -> str:
        return self._results_file

    @reading(dtype=str, label="HTTP address", doc="Where the results are served for h5pyd and silx.")
    def httpAddress(self) -> str:
        return "" if self.node is None else self.node.http_url or ""
