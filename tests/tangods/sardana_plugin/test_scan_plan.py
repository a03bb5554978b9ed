"""Which streams a scan has, and the trigger map that follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dranspose.triggermap import TriggerMap
from dranspose_tango.sardana.scan_macro import Settings, SettingsError, plan_of, points_of
from dranspose_tango.sardana.scan_plan import PlanError, ScanPlan, streams_of


@pytest.mark.parametrize(
    ("mapping", "streams"),
    [
        ({}, ["Eiger"]),
        ({"ct01": "panda"}, ["panda"]),
        ({"CT01": ["panda", "Eiger"], "eiger": "Eiger"}, ["Eiger", "panda"]),
        ({"ct02": "panda"}, []),
    ],
)
def test_streams_follow_from_channels(mapping: dict[str, Any], streams: list[str]) -> None:
    assert streams_of(["eiger", "ct01"], mapping, ["Eiger", "panda"]) == streams


def test_a_stream_that_is_not_there_is_named() -> None:
    with pytest.raises(PlanError, match="no stream pilatus; it has eiger, panda"):
        streams_of(["ct01"], {"ct01": "pilatus"}, ["panda", "eiger"])


def test_a_burst_goes_to_one_worker_with_its_record() -> None:
    trigger_map = TriggerMap.from_json(ScanPlan({"eiger": 10, "panda": 5, "sardana": 1}, points=3).trigger_map())
    assert trigger_map.total_events == 32
    assert trigger_map.virtual_workers == 3
    assert [set(trigger_map.needs(event)) for event in (1, 2, 3, 11)] == [
        {"eiger", "panda", "sardana"},
        {"eiger"},
        {"eiger", "panda"},
        {"eiger", "panda", "sardana"},
    ]


@pytest.mark.parametrize("count", [0, -1, 2, 1.5, "3", True])
def test_frames_that_do_not_fit_are_named(count: Any) -> None:
    with pytest.raises(PlanError, match="stream 'panda' cannot have"):
        ScanPlan({"eiger": 3, "panda": count}, points=1)


@pytest.mark.parametrize(
    ("macro", "points"),
    [
        ({"nb_points": 5}, 5),
        ({"nb_points": 5, "waypoints": [[1.0]]}, 5),
        ({"nb_points": 4, "waypoints": [[1.0], [2.0], [3.0]]}, 12),
        ({"countable_elem": None}, 1),
    ],
)
def test_points(macro: dict[str, Any], points: int) -> None:
    assert points_of(SimpleNamespace(**macro)) == points


@pytest.mark.parametrize("macro", [{}, {"nb_points": 3, "intervals_list": [2, 2]}])
def test_points_that_are_not_known(macro: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="how many points ascanc will have"):
        points_of(SimpleNamespace(getName=lambda: "ascanc", **macro))


def counting(*channels: str) -> Any:
    """Return what a ``ct`` macro has of its measurement group."""
    found = [SimpleNamespace(label=channel) for channel in channels]
    return SimpleNamespace(countable_elem=SimpleNamespace(getChannelsEnabledInfo=lambda: found))


def test_the_stream_of_records_is_added_to_others_only() -> None:
    settings = Settings(controller="a/b/c", frames={"eiger": 2})
    known = ["eiger", "sardana"]
    assert plan_of(counting("eiger"), settings, known, "sardana") == ScanPlan({"eiger": 2, "sardana": 1}, 1)
    assert plan_of(counting("ct01"), settings, known, "sardana") is None


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({}, "senv PipelineController"),
        ({"PipelineController": 3}, "senv PipelineController"),
        ({"PipelineController": "a/b/c", "PipelineStreams": ["eiger"]}, "PipelineStreams is a dictionary"),
        ({"PipelineController": "a/b/c", "PipelineFrames": 3}, "PipelineFrames is a dictionary"),
        ({"PipelineController": "a/b/c", "PipelinePatience": "long"}, "PipelinePatience is a number of seconds"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Settings.of(SimpleNamespace(getAllEnv=lambda: environment))


def test_settings() -> None:
    environment = {"PipelineController": "a/b/c", "PipelinePatience": 3, "ScanDir": "/data"}
    assert Settings.of(SimpleNamespace(getAllEnv=lambda: environment)) == Settings("a/b/c", patience=3)
