"""Scans of an ensemble under test: begun when it is ready, and over when its devices show what came of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from typing import Any

import tango
from tango import DevState

from dranspose_tango.remote import RemoteController, RemoteError
from dranspose_tango.tango_errors import explain
from dranspose_tango.testing.change_events import PATIENCE, wait_for

IN_SCAN = (DevState.MOVING, DevState.RUNNING)
A_MOMENT = 0.02  # seconds


class ScanFailedError(Exception):
    """A scan could not begin or come to its end, or the user's code failed in it; tells what the devices say."""


def wait_until_ready(controller: str, others: Collection[str], attend: Callable[[float], None] = time.sleep) -> None:
    """Wait until all devices are there, and what the classes describe as parameters are attributes.

    Args:
        controller: the name of its device.
        others: the names of the devices that belong to it.
        attend: is called between two looks with the seconds to the next one.

    Raises:
        ScanFailedError: a device is in FAULT, or does not come.
    """
    deadline = time.monotonic() + PATIENCE
    while lacking := _lacking(controller, others):
        if time.monotonic() > deadline:
            raise ScanFailedError(lacking)
        attend(A_MOMENT)


def _lacking(controller: str, others: Collection[str]) -> str:
    """Return what is not ready, empty if all is; raises ScanFailedError if a device is in FAULT."""
    try:
        for name in others:
            device = tango.DeviceProxy(name)  # a new one: another tries only once a second whether its device is there
            state, status = device.state(), device.status()
            if state is DevState.FAULT:
                raise ScanFailedError(f"{name}: {status}")
            if state in (DevState.INIT, DevState.UNKNOWN):
                return f"{name}: {status}"
        remote = RemoteController(controller)
        if missing := {tango.DeviceProxy(name).dev_name().lower() for name in others} - remote.nodes():
            return f"{controller} does not know {', '.join(sorted(missing))}"
        described = {each["name"] for each in json.loads(remote.device.DescribeParameters())}
        hidden = described - remote.parameters().keys()
        return f"{controller} has no attributes for {', '.join(sorted(hidden))}" if hidden else ""
    except tango.DevFailed as error:
        return explain(error)
    except RemoteError as error:
        return str(error)


def run_scan(
    controller: tango.DeviceProxy,
    reducer: tango.DeviceProxy,
    trigger_map: Any,
    timeout: float,
    *,
    stop_after: int | None = None,
) -> None:
    """Run a scan to its end; then the attributes of the reducer show all that was published.

    Args:
        controller: the device.
        reducer: the device.
        trigger_map: what JSON can hold, see `TriggerMap.from_json`.
        timeout: so many seconds it may take.
        stop_after: stop it when so many events are complete, for more will not come.

    Raises:
        ScanFailedError: it did not come to a good end.
        tango.DevFailed: it is refused.
    """
    scan = controller.Arm(json.dumps(trigger_map))
    try:
        if stop_after is not None:
            wait_for(controller, "completedEvents", lambda events: events >= stop_after, timeout)
            controller.Stop()
        if wait_for(controller, "State", lambda state: state not in IN_SCAN, timeout) is not DevState.FAULT:
            wait_for(reducer, "publishedScan", lambda published: published == scan)
            return
    except TimeoutError as error:
        raise ScanFailedError(f"{error}; {_complaints(controller)}") from None
    raise ScanFailedError(_complaints(controller))


def _complaints(controller: tango.DeviceProxy) -> str:
    return "\n".join([controller.Status(), *(controller.lastErrors or ())])
