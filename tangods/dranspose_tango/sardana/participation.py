"""How the pipeline takes part in a scan of Sardana, for its macros and its recorder: armed, ended, and told of."""

from __future__ import annotations

from typing import Any

from dranspose_tango.remote import RemoteController, RemoteError
from dranspose_tango.sardana.pipeline import Pipeline, PipelineError
from dranspose_tango.sardana.scan_macro import Settings, plan_of
from dranspose_tango.sardana.scan_plan import ScanPlan

NORMAL, ABORT = "Normal", "Abort"


class Participation:
    """The part that the pipeline has in the scan of a macro, or in what it counts.

    Attributes:
        plan: what it is armed for; None if no channel of the macro stands for a stream: then it has no part.

    Args:
        macro: which scans or counts.
        settings: of its environment.
        controller: of the pipeline.
        records: the stream that gets a record of each point, if any does.

    Raises:
        PlanError, RemoteError: the settings do not fit, or the pipeline is away.
    """

    def __init__(
        self, macro: Any, settings: Settings, controller: RemoteController, records: str | None = None
    ) -> None:
        self.plan: ScanPlan | None = plan_of(macro, settings, controller.streams, records)
        self._macro = macro
        self._pipeline = Pipeline(controller, settings.patience)

    def begin(self) -> None:
        """Arm the pipeline; raises PipelineError, RemoteError, and what ends the macro meanwhile."""
        if self.plan is None:
            self._macro.debug("no channel stands for a stream of the pipeline")
        else:
            self._pipeline.arm(self.plan, self._macro.checkPoint)

    def give_up(self) -> None:
        """Drop a scan that does not start; raises PipelineError, RemoteError."""
        if self.plan is not None:
            self._pipeline.abort()

    def end(self, how: str) -> None:
        """End the pipeline's scan as that of Sardana ended, by the name of a ScanEndStatus, and tell the user.

        What goes wrong is a warning: the data of the scan are not to suffer from it.
        """
        if self.plan is None:
            return
        try:
            if how == NORMAL:
                progress = self._pipeline.finish(self._is_in_a_hurry)
            else:
                progress = self._pipeline.abort() if how == ABORT else self._pipeline.stop()
        except (PipelineError, RemoteError) as error:
            self._macro.warning("the pipeline does not complete its scan: %s", error)
        else:
            tell = self._macro.info if progress.went_well else self._macro.warning
            tell("pipeline: %s: %s", progress.state, progress.status)

    def _is_in_a_hurry(self) -> bool:
        return bool(self._macro.isStopped() or self._macro.isAborted())
