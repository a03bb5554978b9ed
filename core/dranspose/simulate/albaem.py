"""An AlbaEM electrometer: a series of currents that can be told apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

CHANNELS = 4
INTERVAL = 10**6
"""Between two acquisitions, in ns, as their times tell it."""


def currents(point: int) -> list[float]:
    """Return the currents of a point: ``point + c / 10`` A in channel c, from 1."""
    return [point + channel / 10 for channel in range(1, CHANNELS + 1)]


def messages(points: int, content: Callable[[int], Sequence[float]] | None = None) -> Iterator[list[bytes]]:
    """Yield the messages of a series; ``content`` gives the four currents of a point, in A, in place of `currents`."""
    yield [_message(1, "series-start")]
    for point in range(points):
        channels = {f"channel{channel}": current for channel, current in enumerate((content or currents)(point), 1)}
        times = {"timestamp": point * INTERVAL / 1e9, "acquisition_timestamp": point * INTERVAL}
        yield [_message(2 + point, "data", frame_number=point, **times, **channels)]
    yield [_message(2 + points, "series-end", detector_specific={"read_overflow": False, "memory_overflow": False})]


def _message(message_id: int, message_type: str, **fields: object) -> bytes:
    return json.dumps({"version": 1, "message_type": message_type, "message_id": message_id, **fields}).encode()
