"""What a Sardana macro that scans or counts says of itself: its channels, its points, and the settings that it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dranspose_tango.sardana.scan_plan import PlanError, ScanPlan, streams_of

PATIENCE = 10.0  # seconds


class SettingsError(ValueError):
    """A variable of Sardana's environment is missing or wrong; the text says how to set it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The variables of Sardana's environment, without their prefix ``Pipeline``.

    Attributes:
        controller: the name of the controller's device.
        streams: the stream, or list of streams, of each channel; empty if they have the same names.
        frames: how many frames a stream has in each point, where that is not one.
        patience: so many seconds the pipeline may seem to do nothing before it is given up.
    """

    controller: str
    streams: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    frames: Mapping[str, int] = field(default_factory=dict)
    patience: float = PATIENCE

    @classmethod
    def of(cls, macro: Any) -> Settings:
        """Return what the environment of a macro says; raises SettingsError."""
        environment = macro.getAllEnv()
        variables = {name: f"Pipeline{name.capitalize()}" for name in cls.__slots__}
        found = {name: environment[variable] for name, variable in variables.items() if variable in environment}
        if not isinstance(found.get("controller"), str):
            raise SettingsError("which pipeline? Type: senv PipelineController NAME-OF-ITS-CONTROLLER-DEVICE")
        for name in ("streams", "frames"):
            if not isinstance(found.get(name, {}), Mapping):
                raise SettingsError(f"{variables[name]} is a dictionary, not {found[name]!r}")
        if not isinstance(found.get("patience", PATIENCE), int | float):
            raise SettingsError(f"PipelinePatience is a number of seconds, not {found['patience']!r}")
        return cls(**found)


def is_scan(macro: Any) -> bool:
    """Return whether a macro scans; others count once, like ``ct``."""
    return not hasattr(macro, "countable_elem")


def channels_of(macro: Any) -> list[str]:
    """Return the names of the channels that a scan, or a macro like ``ct``, takes data from."""
    if is_scan(macro):
        counters = macro.data.getEnvironValue("counters")
        return [column.label for column in macro.data.getEnvironValue("datadesc") if column.name in counters]
    countable = macro.countable_elem
    if hasattr(countable, "getChannelsEnabledInfo"):
        return [channel.label for channel in countable.getChannelsEnabledInfo()]
    return [countable.name]


def points_of(macro: Any) -> int:
    """Return how many points a macro will take.

    ``nb_points`` is what Sardana's macros call it; ``meshct`` has it for each of its rows.

    Raises:
        PlanError: it does not know, as it moves continuously and takes what it gets, or has regions that differ.
    """
    if not is_scan(macro):
        return 1
    if hasattr(macro, "intervals_list") or not hasattr(macro, "nb_points"):
        raise PlanError(f"it is not known how many points {macro.getName()} will have: use one like ascan or ascanct")
    return int(macro.nb_points) * max(1, len(getattr(macro, "waypoints", ())))


def plan_of(macro: Any, settings: Settings, known: Sequence[str], records: str | None = None) -> ScanPlan | None:
    """Return what the pipeline is to be armed for, None if no channel of the macro stands for a stream.

    Args:
        macro: which scans or counts.
        settings: of its environment.
        known: the streams that the pipeline has.
        records: the stream that gets the records of the scan, one for each point, if any does.

    Raises:
        PlanError: the settings do not fit, or the scan does not know how many points it will have.
    """
    streams = streams_of(channels_of(macro), settings.streams, known)
    if not streams:
        return None
    if records is not None and records not in streams:
        streams.append(records)
    return ScanPlan({stream: settings.frames.get(stream, 1) for stream in streams}, points_of(macro))
