"""A PandABox's position capture (PCAP) as a Tango device publishes it, as a source: a SUB socket that connects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import zmq

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.middlewares.json_frame import json_object, number
from dranspose.middlewares.pcap import TYPE
from dranspose.sources.packet import Packet, PacketKind
from dranspose.sources.zmq_source import ZmqSource

MAX_TRIGGERS = 2**17
"""Of one message."""


class PcapSource(ZmqSource):
    """The series of a PandABox, as one stream of a packet for each trigger, numbered from 0 in each series.

    A message holds many triggers: ``frame_number`` is that of the first, and each channel is a list of values.
    """

    socket_type = zmq.SUB
    max_part_bytes = 2**24

    def begin(self) -> None:
        """Wait for a series."""
        self._next = 0

    def packets_of(self, parts: list[Frame], connection: int) -> Iterator[Packet]:
        """Yield the packets of a message."""
        if len(parts) > 1:
            raise MalformedFrameError(f"a PCAP message has one part, not {len(parts)}")
        fields = json_object(parts[0])
        match fields.get("message_type"):
            case "series-start":
                self._next = 1
                yield Packet(self.stream, PacketKind.START, 0, StreamData(TYPE, parts), None, connection)
            case "data":
                for trigger in triggers(fields):
                    self._next = trigger["frame_number"] + 2
                    data = StreamData(TYPE, [json.dumps(trigger).encode()])
                    yield Packet(self.stream, PacketKind.FRAME, self._next - 1, data, None, connection)
            case "series-end":
                yield Packet(self.stream, PacketKind.END, self._next, StreamData(TYPE, parts), None, connection)
            case message_type:
                raise MalformedFrameError(f"PCAP has no message with message_type {message_type!r:.80}")


def triggers(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of each trigger in a message, which has lists for some of them; single values are repeated.

    Raises:
        MalformedFrameError: the lists are not of the same length, or the triggers not numbered.
    """
    first = number(fields, "frame_number")
    channels = {name: values for name, values in fields.items() if isinstance(values, list)}
    lengths = {len(values) for values in channels.values()} or {1}
    if len(lengths) > 1:
        raise MalformedFrameError(f"its channels have different numbers of values: {', '.join(map(str, lengths))}")
    [length] = lengths
    if length > MAX_TRIGGERS:
        raise MalformedFrameError(f"it has {length} triggers, more than {MAX_TRIGGERS}")
    return [
        fields | {name: values[i] for name, values in channels.items()} | {"frame_number": first + i}
        for i in range(length)
    ]
