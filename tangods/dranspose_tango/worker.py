"""The worker device: runs the user's Worker class."""

from __future__ import annotations

from tango.server import device_property

from dranspose.dataplane.statistics import WorkerStatistics
from dranspose.dataplane.worker import Worker
from dranspose.protocol import GENERIC_TAG
from dranspose_tango.analysis_device import AnalysisDevice, time_shares
from dranspose_tango.controlled_device import counted
from dranspose_tango.node_device import reading


class DransposeWorker(AnalysisDevice):
    """Gives the events that the controller chooses for it to the user's Worker class."""

    Tags = device_property(
        dtype=[str], default_value=[GENERIC_TAG], doc="It can be the virtual workers with none but these tags."
    )

    def make_node(self) -> Worker:
        """Return the worker; raises AnalysisError, UserCodeError, ParameterError."""
        control = self.find_controller()
        return Worker(
            self.get_name(),
            control.endpoint,
            self.load_analysis(),
            self.Tags,
            on_change=self.wake,
            keys=self.keys(),
            liveness=control.liveness,
        )

    @property
    def statistics(self) -> WorkerStatistics:
        """The latest statistics of the node; while there is none, those of one that has done nothing."""
        return WorkerStatistics() if self.node is None else self.node.statistics

    def troubles(self, statistics: WorkerStatistics) -> str:
        """Return in words what went wrong in a scan, nothing if nothing did."""
        counts = statistics.counts
        return counted({"events failed": counts.failed, "messages could not be read": counts.malformed})

    @reading(dtype="uint64", label="Processed events", doc="How many events of this scan were processed here.")
    def processedEvents(self) -> int:
        return self.statistics.counts.processed

    @reading(
        dtype="uint64", label="Failed events", max_warning=1, doc="How often the Worker class raised in this scan."
    )
    def failedEvents(self) -> int:
        return self.statistics.counts.failed

    @reading(dtype="uint64", label="Waiting events", doc="How many events are in hand that have not been processed.")
    def waitingEvents(self) -> int:
        return self.statistics.lag

    @reading(
        dtype="uint64",
        label="Credit",
        doc="How many events it may have in hand: a twentieth of a second of work.",
    )
    def credit(self) -> int:
        return self.statistics.window

    @reading(
        dtype=float, label="Event rate", unit="1/s", format="%8.1f", doc="How many events are processed per second."
    )
    def eventRate(self) -> float:
        return self.statistics.rate

    @reading(dtype=float, label="Call time", unit="ms", format="%8.3f", doc="How long a call of process_event takes.")
    def callTime(self) -> float:
        return 1e3 * self.statistics.seconds_per_call

    @reading(
        dtype=float,
        label="Load",
        unit="%",
        min_value=0,
        max_value=100,
        format="%5.1f",
        doc="Share of the time in which the worker is not waiting for events.",
    )
    def load(self) -> float:
        return 100 * (1 - self.statistics.time.waiting)

    @reading(
        dtype=[float],
        max_dim_x=4,
        label="Time shares",
        unit="%",
        doc="What the time goes to: waiting, taking events in, the Worker class, sending results and reports.",
    )
    def timeShares(self) -> list[float]:
        return time_shares(self.statistics.time)
