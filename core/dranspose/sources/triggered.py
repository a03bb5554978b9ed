"""Software triggers: a frame of one stream has come, and for its event those of other streams are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from dranspose.protocol import StreamName
from dranspose.sources.packet import PacketKind
from dranspose.sources.source import Source, SourceError
from dranspose.triggermap import TriggerMap


@runtime_checkable
class TriggeredSource(Source, Protocol):
    """A source that gives a packet of its one stream whenever it is asked for one."""

    @property
    def triggered_by(self) -> StreamName:
        """The stream of the same ingester whose frames trigger it."""

    def trigger(self, kind: PacketKind, number: int) -> None:
        """Ask for a packet of this kind and number, which comes by `read`; nothing here blocks."""


class SoftwareTrigger:
    """Asks a source for its frames in one scan.

    Args:
        trigger_map: of the scan, which has the stream of the source.
        source: to be asked.
    """

    def __init__(self, trigger_map: TriggerMap, source: TriggeredSource) -> None:
        [self._stream] = source.streams
        self._map = trigger_map
        self._last = trigger_map.frames_before(self._stream, trigger_map.total_events) - 1
        self._source = source

    def fire(self, events: Iterable[int]) -> None:
        """Ask for the frames that the stream has in these events, for each of which the other has come."""
        for event in events:
            number = self._map.frames_before(self._stream, event)
            if number > self._last or self._map.event_of(self._stream, number) != event:
                continue
            kind = PacketKind.START if number == 0 else PacketKind.END if number == self._last else PacketKind.FRAME
            self._source.trigger(kind, number)


def software_triggers(
    trigger_map: TriggerMap, sources: Iterable[Source]
) -> Mapping[StreamName, Sequence[SoftwareTrigger]]:
    """Return what each stream triggers, of the sources that a scan has.

    Raises:
        SourceError: the scan does not have the stream that triggers one of them.
    """
    triggers: defaultdict[StreamName, list[SoftwareTrigger]] = defaultdict(list)
    for source in sources:
        if isinstance(source, TriggeredSource):
            if source.triggered_by not in trigger_map.streams:
                raise SourceError(
                    f"stream {source.streams[0]!r} is read when a frame of {source.triggered_by!r} comes: "
                    "a scan with the one needs the other"
                )
            triggers[source.triggered_by].append(SoftwareTrigger(trigger_map, source))
    return triggers
