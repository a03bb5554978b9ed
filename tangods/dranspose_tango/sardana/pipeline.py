"""The pipeline as a scan of Sardana drives it: armed before the first point, and ended with the scan."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from dranspose_tango.remote import Progress, RemoteController
from dranspose_tango.sardana.scan_plan import ScanPlan

LOOK_INTERVAL = 0.02  # seconds


class PipelineError(Exception):
    """The pipeline cannot take part in a scan; the text says why."""


class Pipeline:
    """The pipeline during one scan.

    Args:
        controller: of the pipeline.
        patience: so many seconds it may seem to do nothing before it is given up.

    Raises:
        PipelineError, RemoteError: from everything that it does.
    """

    def __init__(self, controller: RemoteController, patience: float) -> None:
        self.controller = controller
        self._patience = patience

    def arm(self, plan: ScanPlan, check: Callable[[], object]) -> str:
        """Begin a scan, return its id when detectors may start; what is left of another scan is dropped.

        If it does not begin, or `check`, called while waiting, raises, the pipeline is ready for the next scan.
        """
        if not self.controller.progress().is_over:
            self.abort()
        try:
            scan = self.controller.arm(json.dumps(plan.trigger_map()))
            progress = self._wait_until(lambda progress: progress.state != "MOVING", check)
            if progress.scan != scan or progress.state != "RUNNING":
                raise PipelineError(f"{self.controller.name} does not begin the scan: {progress.status}")
        except BaseException:
            self.controller.abort()
            raise
        return scan

    def finish(self, in_a_hurry: Callable[[], bool]) -> Progress:
        """Wait until all events are complete, and return how the scan ended.

        When the user is in a hurry it is stopped, as it is if it waits in vain, as for frames that were lost; this
        raises PipelineError all the same.
        """
        try:
            progress = self._wait_until(lambda progress: progress.is_over or in_a_hurry())
        except PipelineError:
            self.stop()
            raise
        return progress if progress.is_over else self.stop()

    def stop(self) -> Progress:
        """End the scan early, with what has been begun; return how it ended."""
        self.controller.stop()
        return self._wait_until(lambda progress: progress.is_over)

    def abort(self) -> Progress:
        """End the scan at once; return how it ended."""
        self.controller.abort()
        return self._wait_until(lambda progress: progress.is_over)

    def _wait_until(
        self, condition: Callable[[Progress], bool], check: Callable[[], object] = lambda: None
    ) -> Progress:
        seen = self.controller.progress()
        deadline = time.monotonic() + self._patience
        while not condition(seen):
            if time.monotonic() > deadline:
                raise PipelineError(f"{self.controller.name} is stuck: {seen.state}: {seen.status}")
            check()
            time.sleep(LOOK_INTERVAL)
            progress = self.controller.progress()
            if progress != seen:
                deadline = time.monotonic() + self._patience
            seen = progress
        return seen
