"""Macros for the pipeline: hooks that arm and end it, how it is, and its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sardana.macroserver.macro import Macro, Optional, Type
from sardana.macroserver.scan.gscan import ScanEndStatus

from dranspose.parameters import BinaryParameter
from dranspose_tango.observation import Observed, devices_beside
from dranspose_tango.remote import RemoteController
from dranspose_tango.sardana.participation import NORMAL, Participation
from dranspose_tango.sardana.scan_macro import Settings, is_scan


class pipeline_arm(Macro):
    """Arm the pipeline for the scan, or ``ct``, that this is a hook of, and end it with the scan.

    ``defgh pipeline_arm pre-scan`` is for every scan, ``defgh pipeline_arm pre-acq`` for ``ct``. Scans that the
    PipelineRecorder takes part in are left to it.
    """

    def run(self) -> None:
        """Arm; nothing happens in the middle of a scan, which has pre-acq hooks too."""
        parent = self.getParentMacro()
        if parent is None:
            raise RuntimeError("pipeline_arm is a hook: defgh pipeline_arm pre-scan")
        if is_scan(parent) and (_has_begun(parent) or _is_for_recorder(self)):
            return
        settings = Settings.of(self)
        participation = Participation(parent, settings, RemoteController(settings.controller))
        participation.begin()
        if is_scan(parent):
            parent.appendHook((lambda: participation.end(_end_of(parent)), ["post-scan"]))
            hooks = parent.getHooks("post-scan")
            hooks.insert(0, hooks.pop())  # after an abort, Sardana raises at the first that is a macro


class pipeline_stop(Macro):
    """End the pipeline's scan as that which this is a hook of; by hand, end it early.

    ``defgh pipeline_stop post-acq`` is for ``ct``, ``defgh pipeline_stop post-scan`` for scans that were armed by hand.
    """

    def run(self) -> None:
        """End it; nothing happens in the middle of a scan, which has post-acq hooks too."""
        parent = self.getParentMacro()
        if parent is None:
            RemoteController(Settings.of(self).controller).stop()
            return
        how = _end_of(parent) if is_scan(parent) else NORMAL
        if how is not None:
            settings = Settings.of(self)
            controller = RemoteController(settings.controller)
            if not controller.progress().is_over:
                Participation(parent, settings, controller).end(how)


class pipeline_status(Macro):
    """Show how the devices of the pipeline are."""

    def run(self) -> None:
        """Print a line for each."""
        controller = RemoteController(Settings.of(self).controller)
        sights = [Observed(device).look() for device in devices_beside(controller.device)]
        width = max(len(sight.name) for sight in sights)
        for sight in sights:
            done = "" if sight.done is None else sight.done
            rate = "" if sight.rate is None else f"{sight.rate:.1f}/s"
            self.output(f"{sight.name:{width}}  {sight.state:8}  {done:>8}  {rate:>10}  {sight.status}")


class pipeline_param(Macro):
    """Show the parameters of the analysis, or one of them, or change it: ``pipeline_param poni /path/x.poni``."""

    param_def = (
        ("name", Type.String, Optional, "of the parameter; all are shown without it"),
        ("value", Type.String, Optional, "for a binary parameter the path of a file, as the MacroServer sees it"),
    )

    def run(self, name: str | None, value: str | None) -> None:
        """Change it, if there is a value, and show it."""
        controller = RemoteController(Settings.of(self).controller)
        shown = controller.parameters() if name is None else {name: controller.parameter(name)}
        if name is not None and value is not None:
            is_file = isinstance(shown[name], BinaryParameter)
            controller.write_parameter(shown[name], Path(value).read_bytes() if is_file else value.encode())
        for each, parameter in shown.items():
            found: Any = controller.read_parameter(parameter)
            text = f"{len(found)} bytes" if isinstance(found, bytes) else found
            self.output(f"{each} = {text}  ({parameter.dtype}) {parameter.description or ''}".rstrip())


def _has_begun(scan: Any) -> bool:
    return "scanstartts" in scan.data.getEnviron()


def _is_for_recorder(macro: Macro) -> bool:
    return "PipelineRecorder" in macro.getAllEnv().get("DataRecorder", ())


def _end_of(scan: Any) -> Any:
    """Return how a scan ended, by the name of a ScanEndStatus; None before that."""
    status = scan.data.getEnviron().get("endstatus")
    return None if status is None else ScanEndStatus.whatis(status)
