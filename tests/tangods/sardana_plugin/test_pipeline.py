"""The pipeline during a scan: armed, waited for, given up, without any Tango."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dranspose_tango.remote import Progress
from dranspose_tango.sardana.pipeline import Pipeline, PipelineError
from dranspose_tango.sardana.scan_plan import ScanPlan

PLAN = ScanPlan({"xrd": 1}, points=3)


class ScriptedController:
    """A controller that goes through states, one each time it is looked at, and stays in the last."""

    name = "a/b/c"

    def __init__(self, *states: str) -> None:
        self.calls: list[str] = []
        self._states: Iterator[str] = iter(states)
        self._state = "STANDBY"

    def arm(self, trigger_map: str) -> str:
        self.calls.append("arm")
        return "scan"

    def stop(self) -> None:
        self.calls.append("stop")
        self._over()

    def abort(self) -> None:
        self.calls.append("abort")
        self._over()

    def progress(self) -> Progress:
        self._state = next(self._states, self._state)
        return Progress("scan", self._state, "why", 0, 5)

    def _over(self) -> None:
        rest = list(self._states)
        self._states = iter(rest[rest.index("STANDBY") :] if "STANDBY" in rest else ["STANDBY"])


def pipeline(controller: Any) -> Pipeline:
    return Pipeline(controller, patience=0)


def nothing() -> None:
    """Be what is called while waiting."""


def test_arming_waits_until_detectors_may_start() -> None:
    controller = ScriptedController("STANDBY", "RUNNING")
    assert pipeline(controller).arm(PLAN, nothing) == "scan"
    assert controller.calls == ["arm"]


def test_what_is_left_of_another_scan_is_dropped_first() -> None:
    controller = ScriptedController("RUNNING", "STANDBY", "RUNNING")
    pipeline(controller).arm(PLAN, nothing)
    assert controller.calls == ["abort", "arm"]


@pytest.mark.parametrize(("state", "complaint"), [("FAULT", "does not begin the scan"), ("MOVING", "is stuck")])
def test_a_scan_that_does_not_begin_is_given_up(state: str, complaint: str) -> None:
    controller = ScriptedController("STANDBY", state)
    with pytest.raises(PipelineError, match=f"a/b/c {complaint}.*why"):
        pipeline(controller).arm(PLAN, nothing)
    assert controller.calls == ["arm", "abort"]


def test_a_macro_that_is_stopped_while_arming_gives_the_scan_up() -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    controller = ScriptedController("STANDBY", "MOVING")
    with pytest.raises(KeyboardInterrupt):
        Pipeline(controller, patience=60).arm(PLAN, stopped)  # type: ignore[arg-type]
    assert controller.calls == ["arm", "abort"]


def test_a_scan_is_finished_without_being_stopped() -> None:
    controller = ScriptedController("STANDBY")
    assert pipeline(controller).finish(lambda: False).went_well
    assert controller.calls == []


def test_a_scan_that_waits_in_vain_is_stopped() -> None:
    controller = ScriptedController("RUNNING")
    with pytest.raises(PipelineError, match="is stuck: RUNNING: why"):
        pipeline(controller).finish(lambda: False)
    assert controller.calls == ["stop"]


def test_a_user_in_a_hurry_does_not_wait() -> None:
    controller = ScriptedController("RUNNING")
    assert pipeline(controller).finish(lambda: True).is_over
    assert controller.calls == ["stop"]
