"""What the pipeline is to be armed for: the streams of a Sardana scan, how many points it has, and frames in each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class PlanError(ValueError):
    """The pipeline cannot be armed for a scan; the text says what to change."""


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What a scan consists of.

    Attributes:
        frames: how many frames each stream has in a point: 1, or a number that divides the largest of them.
        points: how many points there will be.
    """

    frames: Mapping[str, int]
    points: int

    def __post_init__(self) -> None:
        for stream, count in self.frames.items():
            if type(count) is not int or count < 1 or self.events_per_point % count:
                raise PlanError(
                    f"PipelineFrames: stream {stream!r} cannot have {count!r} frames in a point: it is a whole number "
                    f"that divides the largest of them, {self.events_per_point}"
                )

    @property
    def events_per_point(self) -> int:
        """How many events each point is: as many as the stream with most frames has."""
        return max(count for count in self.frames.values() if type(count) is int)

    def trigger_map(self) -> dict[str, Any]:
        """Return the trigger map as JSON has it; all frames of a point go to the same worker."""
        events = self.events_per_point
        return {
            "uniform": {
                "streams": {stream: events // count for stream, count in self.frames.items()},
                "events": events * self.points,
                "batch": events,
            }
        }


def streams_of(
    channels: Sequence[str], streams_by_channel: Mapping[str, str | Sequence[str]], known: Collection[str]
) -> list[str]:
    """Return the streams that channels stand for, in their order, each once.

    Args:
        channels: the names of the enabled channels; upper and lower case are the same, as in Tango.
        streams_by_channel: one or more streams for each channel that has any; empty if a channel stands for the
            stream of its own name.
        known: the streams that the pipeline has.

    Raises:
        PlanError: a channel stands for a stream that the pipeline does not have.
    """
    mapping = streams_by_channel or {name: name for name in known}
    by_name = {channel.lower(): [each] if isinstance(each, str) else each for channel, each in mapping.items()}
    chosen = list(dict.fromkeys(stream for channel in channels for stream in by_name.get(channel.lower(), ())))
    if unknown := [stream for stream in chosen if stream not in known]:
        there = ", ".join(sorted(known)) or "none"
        raise PlanError(f"PipelineStreams: the pipeline has no stream {', '.join(unknown)}; it has {there}")
    return chosen
