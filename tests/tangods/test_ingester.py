"""The ingester device: what it refuses, and what it tells of a wrong configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
import tango
from tests.tangods.devices import CONTROLLER, INGESTER, properties, running, wait_for_state

NOT_SARDANA = "takes no records: its Source is not sardana, with one stream"


@pytest.mark.parametrize(
    ("configured", "complaint"),
    [
        ({"Source": "stins", "Urls": ["tcp://127.0.0.1:9"]}, NOT_SARDANA),
        ({"Source": "sardana", "Streams": ["a", "b"]}, NOT_SARDANA),
        ({"Source": "sardana"}, "stream 'xrd': no record can be taken: no scan takes it"),
    ],
)
def test_a_record_is_refused_with_the_reason(configured: dict[str, object], complaint: str, tmp_path: Path) -> None:
    devices = properties(tmp_path, "none:Worker", "none:Reducer", "tcp://127.0.0.1:9", tmp_path)
    del devices[INGESTER]["Urls"]
    devices[INGESTER] |= configured
    with running({name: devices[name] for name in (CONTROLLER, INGESTER)}):
        ingester = tango.DeviceProxy(INGESTER)
        wait_for_state(ingester, tango.DevState.STANDBY)
        with pytest.raises(tango.DevFailed, match=complaint):
            ingester.PushRecord('{"type": "RecordEnd"}')


def test_an_attribute_that_is_none_is_told_in_the_state(tmp_path: Path) -> None:
    devices = properties(tmp_path, "none:Worker", "none:Reducer", "tcp://127.0.0.1:9", tmp_path)
    devices[INGESTER] |= {"ReadAlong": ["oven=temperature"]}
    with running({name: devices[name] for name in (CONTROLLER, INGESTER)}):
        ingester = tango.DeviceProxy(INGESTER)
        wait_for_state(ingester, tango.DevState.FAULT)
        assert "'temperature' is not DOMAIN/FAMILY/MEMBER/ATTRIBUTE" in ingester.Status()
