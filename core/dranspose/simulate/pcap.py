"""Series of a PandABox's position capture (PCAP), as a Tango device publishes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime


def values(trigger: int) -> dict[str, float]:
    """Return what is captured at a trigger: an ``energy``, and a position that goes down."""
    return {"energy": 8900 + trigger / 10, "INENC3.VAL.Mean": float(-trigger)}


def messages(
    triggers: int,
    per_message: int = 15,
    first_message_id: int = 1,
    content: Callable[[int], Mapping[str, float]] | None = None,
) -> Iterator[list[bytes]]:
    """Yield the messages of one series, of which each but the last has data of so many triggers.

    ``content`` gives the channels of a trigger, in place of `values`; ``triggernumber``, from 1, comes with them.
    """
    message_id = first_message_id
    armed = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield [_json(message_id=message_id, message_type="series-start", version=1, arm_time=armed)]
    for first in range(0, triggers, per_message):
        message_id += 1
        numbers = range(first, min(first + per_message, triggers))
        captured = [(content or values)(i) for i in numbers]
        channels = {name: [each[name] for each in captured] for name in captured[0]}
        channels["triggernumber"] = [float(i + 1) for i in numbers]
        yield [_json(message_id=message_id, message_type="data", version=1, frame_number=first, **channels)]
    yield [_json(message_id=message_id + 1, message_type="series-end", version=1)]


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
