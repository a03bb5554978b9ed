"""Series of a PandABox's position capture (PCAP), as a Tango device publishes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime


def messages(triggers: int, per_message: int = 15, first_message_id: int = 1) -> Iterator[list[bytes]]:
    """Yield the messages of one series, of which each but the last has data of so many triggers.

    Trigger i has ``triggernumber`` = i + 1, ``energy`` = 8900 + i / 10 and ``INENC3.VAL.Mean`` = -i.
    """
    message_id = first_message_id
    armed = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    yield [_json(message_id=message_id, message_type="series-start", version=1, arm_time=armed)]
    for first in range(0, triggers, per_message):
        message_id += 1
        numbers = range(first, min(first + per_message, triggers))
        channels = {
            "triggernumber": [float(i + 1) for i in numbers],
            "energy": [8900 + i / 10 for i in numbers],
            "INENC3.VAL.Mean": [float(-i) for i in numbers],
        }
        yield [_json(message_id=message_id, message_type="data", version=1, frame_number=first, **channels)]
    yield [_json(message_id=message_id + 1, message_type="series-end", version=1)]


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
