"""Results that come, go and come back: what those see who have them in view."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import tango
from tango import AttrQuality
from tests.tangods.devices import Ensemble, properties, proxies, running, wait_for_attributes, wait_for_state

from dranspose_tango.attributes import MAX_PUBLISHED
from dranspose_tango.testing.change_events import ChangeEvents, wait_for

ANALYSIS = """
class Worker:
    def __init__(self, **kwargs): pass

    def process_event(self, event): pass

class Reducer:
    publish = {}

    def __init__(self, **kwargs): pass

    def process_result(self, result): pass
"""
SCAN = json.dumps({"uniform": {"streams": ["xrd"], "events": 9}})

Publish = Callable[[Mapping[str, object]], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with an analysis."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vanishing.py").write_text(ANALYSIS)
    return tmp_path


@pytest.fixture
def ensemble(folder: Path) -> Iterator[Ensemble]:
    """Return an ensemble in a scan that waits for its first event."""
    with running(properties(folder, "vanishing:Worker", "vanishing:Reducer", "tcp://127.0.0.1:9", folder / "state")):
        devices = proxies()
        devices.wait_for_nodes()
        devices.controller.Arm(SCAN)
        wait_for_state(devices.reducer, tango.DevState.RUNNING)
        yield devices


@pytest.fixture
def publish(ensemble: Ensemble) -> Publish:
    """Return what has the reducer's class publish something else, and waits until that is shown."""

    def show(published: Mapping[str, object]) -> None:
        sys.modules["vanishing"].Reducer.publish = published  # type: ignore[attr-defined]
        wait_for(ensemble.reducer, "published", lambda names: set(names or ()) == set(published))

    return show


@pytest.mark.parametrize(("value", "again"), [(1.5, 2.5), ("LaB6", "CeO2"), ([1.5, 2.5], [3.5]), (True, False)])
def test_one_has_no_value_until_it_comes_back(
    ensemble: Ensemble, publish: Publish, value: object, again: object
) -> None:
    publish({"sum": 1, "fleeting": value})
    with ChangeEvents(ensemble.reducer, "fleeting") as events:
        publish({"sum": 1})
        events.wait_for(lambda shown: shown is None)
        gone = ensemble.reducer.read_attribute("fleeting")
        assert (gone.quality, gone.value) == (AttrQuality.ATTR_INVALID, None)
        publish({"sum": 1, "fleeting": again})
        events.wait_for(lambda shown: shown is not None and np.array_equal(shown, again))
    back = ensemble.reducer.read_attribute("fleeting")
    assert back.quality == AttrQuality.ATTR_VALID


def test_it_makes_room_for_one_whose_name_differs_in_case(ensemble: Ensemble, publish: Publish) -> None:
    publish({"sum": 1})
    publish({"Sum": 2})
    assert ensemble.reducer.read_attribute("Sum").value == 2


def test_it_goes_when_the_class_is_loaded_anew(ensemble: Ensemble, publish: Publish) -> None:
    publish({"sum": 1, "fleeting": 2.5})
    publish({"sum": 1})
    wait_for_attributes(ensemble.reducer, lambda names: {"sum", "fleeting"} <= names)
    ensemble.controller.Abort()
    wait_for_state(ensemble.reducer, tango.DevState.STANDBY)
    ensemble.reducer.Reload()
    wait_for_attributes(ensemble.reducer, lambda names: names.isdisjoint({"sum", "fleeting"}))


def test_no_more_are_kept_than_can_be_published(ensemble: Ensemble, publish: Publish) -> None:
    publish({f"old_{i}": i for i in range(MAX_PUBLISHED)})
    publish({f"new_{i}": i for i in range(MAX_PUBLISHED - 1)})
    latest = {f"old_{MAX_PUBLISHED - 1}"}
    wait_for_attributes(ensemble.reducer, lambda names: {name for name in names if name.startswith("old_")} == latest)
