"""Recording: what an ingester forwards in a scan goes to a capture, with all beside it that a replay needs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dranspose.capture import CaptureWriter
from dranspose.dataplane.grouping import Grouping
from dranspose.dataplane.recorder import Recorder
from dranspose.event import InternalWorkerMessage
from dranspose.parameter_file import ParameterHistory, Values, write_parameter_file
from dranspose.protocol import ParameterName, StreamName
from dranspose.sources.matching import Matched
from dranspose.triggermap import TriggerMap

logger = logging.getLogger(__name__)


def capture_of(target: str, ingester: str, scan: bytes) -> Path:
    """Return the capture of a scan: `target` itself if it ends in ``.cbors``, else it is the prefix of a new file."""
    if target.endswith(".cbors"):
        return Path(target)
    return Path(f"{target}{ingester.replace('/', '_')}-{scan.hex()}.cbors")


class Recording:
    """The recording of one scan; nothing here waits for the disk.

    A record is written when something of its event, or of a later one, was forwarded: then the end of the scan cannot
    be before it. Beside a capture ``NAME.cbors`` come ``NAME-map.json``, the trigger map as `TriggerMap.to_json` gives,
    and ``NAME-parameters.json`` or ``.cbor``, see `write_parameter_file`; where several scans share a capture the names
    of these two hold the scan.

    A stream that comes far behind the others of its ingester holds them up when as much as may be kept waits for it.

    Args:
        recorder: what writes.
        path: of the capture.
        scan: the id of the scan.
        trigger_map: of the scan.
        streams: those whose frames come here.
        parameters: the values that the scan begins with.
    """

    def __init__(
        self,
        recorder: Recorder,
        path: Path,
        scan: bytes,
        trigger_map: TriggerMap,
        streams: Iterable[StreamName],
        parameters: Mapping[str, bytes],
    ) -> None:
        name = path.stem if scan.hex() in path.stem else f"{path.stem}-{scan.hex()}"
        self._recorder = recorder
        self._grouping = Grouping(trigger_map, streams)
        self._parameter_stem = path.with_name(f"{name}-parameters")
        self._values = _named(parameters)
        self._history = ParameterHistory(self._values)
        recorder.begin(path)
        recorder.do(partial(_write_map, path.with_name(f"{name}-map.json"), trigger_map))
        recorder.do(partial(write_parameter_file, self._parameter_stem, self._history))

    @property
    def held_bytes(self) -> int:
        """How much was taken in and is not on its way to the disk yet."""
        return self._grouping.held_bytes

    def awaited(self) -> list[StreamName]:
        """Return the streams of which the next record lacks a frame."""
        return self._grouping.awaited()

    def take(self, stream: StreamName, matched: Matched) -> None:
        """Take in what is known of a stream."""
        for event, data in matched.frames:
            self._grouping.take(stream, event, data)
        if matched.missing:
            self._grouping.lose(stream, tuple(matched.missing))

    def forwarded(self, stop: int) -> None:
        """Take note that the highest event that was forwarded is the one before this."""
        held = self.held_bytes
        if records := self._grouping.whole(stop, datetime.now(UTC)):
            self._recorder.write(records, held - self.held_bytes)

    def use_parameters(self, event: int, parameters: Mapping[str, bytes]) -> None:
        """Take note that parameters have these values from an event on."""
        values = _named(parameters)
        changed = {name: data for name, data in values.items() if data != self._values.get(name)}
        self._values = values
        changes = self._history.changes
        self._history = ParameterHistory(
            self._history.values, {**changes, event: {**changes.get(event, {}), **changed}}
        )
        self._recorder.do(partial(write_parameter_file, self._parameter_stem, self._history))

    def end_at(self, event: int) -> None:
        """Leave out the events from this one on, except the end event."""
        self._grouping.end_at(event)

    def end(self) -> None:
        """Write all that was taken in, and close the capture."""
        held = self.held_bytes
        self._recorder.write(self._grouping.rest(datetime.now(UTC)), held)
        self._recorder.end()


def _named(values: Mapping[str, bytes]) -> Values:
    return {ParameterName(name): data for name, data in values.items()}


def _write_map(path: Path, trigger_map: TriggerMap) -> None:
    path.write_text(json.dumps(trigger_map.to_json()))


def write_poisoned(path: Path, poisoned: InternalWorkerMessage) -> None:
    """Append an event that killed its workers to a capture of such events; raises OSError."""
    with CaptureWriter(path) as capture:
        capture.write(poisoned)
    logger.warning("event %d killed its workers: its frames are in %s", poisoned.event_number, path.absolute())
