"""The formulas for alarms name attributes that the devices have, and can be evaluated."""

from __future__ import annotations

import re
from pathlib import Path

import tango
from tests.tangods.devices import running

NAMES = {f"tutorial/dranspose/{member}" for member in ("controller", "ingester-xrd", "worker-1", "reducer")}


def test_the_formulas_hold_for_devices_at_rest(project: Path) -> None:
    operations = (project / "resources/docs/operations.md").read_text()
    formulas = re.findall(r"^\| `(\S+)/(\w+) (==|>) (\w+)` \|", operations, re.MULTILINE)
    assert {device for device, *_ in formulas} == NAMES
    with running({name: {} for name in NAMES}):
        for device, attribute, operator, value in formulas:
            found = tango.DeviceProxy(device).read_attribute(attribute).value
            if operator == "==":
                assert value in tango.DevState.names, value
                assert attribute == "State"
            else:
                assert not found > int(value), f"{device}/{attribute} is {found}"
