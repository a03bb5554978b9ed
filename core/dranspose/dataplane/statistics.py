"""What a node tells of its work about twice a second: counters, rates, and what its time goes to.

Counters are those of the scan in hand, or of the last one. A rate is that of the time since the statistics before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from dranspose.sources.matching import MatchCounts

SHORTEST = 0.1  # seconds over which a rate is told


@dataclass(slots=True)
class IngesterCounts:
    """What an ingester has done in a scan.

    Attributes:
        packets: how many came from the sources; what became of them the `MatchCounts` of each stream tell.
        bytes: how many the frames in them had that events wait for.
        skipped: how many messages of the sources were no packets.
        unwanted: how many packets were of streams that the trigger map does not have.
        missing: how many events were reported to the scheduler as without a frame of a stream.
        forwarded: how many shares were sent to workers, lost frames among them.
        forwarded_bytes: how many bytes these had, with all that goes with them.
        messages: in how many messages.
        undeliverable: how many shares were for workers that were gone.
        poisoned: how many events went to a capture because they killed their workers.
    """

    packets: int = 0
    bytes: int = 0
    skipped: int = 0
    unwanted: int = 0
    missing: int = 0
    forwarded: int = 0
    forwarded_bytes: int = 0
    messages: int = 0
    undeliverable: int = 0
    poisoned: int = 0


@dataclass(slots=True)
class WorkerCounts:
    """What a worker has done in a scan.

    Attributes:
        results, none, failed: how many calls of ``process_event`` returned something, returned None, raised.
        lost: how many parts of events had no frame left.
        received_bytes, sent_bytes: from ingesters, and to the reducer.
        strays: how many messages with frames were of another scan.
        malformed: how many messages could not be read.
    """

    results: int = 0
    none: int = 0
    failed: int = 0
    lost: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    strays: int = 0
    malformed: int = 0

    @property
    def processed(self) -> int:
        """How many calls of ``process_event`` there were."""
        return self.results + self.none + self.failed


@dataclass(slots=True)
class ReducerCounts:
    """What a reducer has done in a scan.

    Attributes:
        results, failed: how many calls of ``process_result`` returned, raised.
        received_bytes: from workers.
        fenced: how many results were left out because their workers were fenced off.
        twice: how many were left out because they had come before.
        strays: how many messages with results were of another scan.
        malformed: how many messages could not be read.
    """

    results: int = 0
    failed: int = 0
    received_bytes: int = 0
    fenced: int = 0
    twice: int = 0
    strays: int = 0
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class TimeShares:
    """What the time since the statistics before went to; the four add up to 1.

    Attributes:
        waiting: for something to do.
        joining: taking in messages, and joining their frames to events.
        processing: in the user's code; a worker's results are pickled there too.
        sending: results and reports, and hearing the controller.
    """

    waiting: float = 1.0
    joining: float = 0.0
    processing: float = 0.0
    sending: float = 0.0


class RecordingState(Enum):
    """How the recording of a scan stands."""

    OFF = "the scan is not recorded"
    RECORDING = "the scan is being recorded"
    DONE = "the scan was recorded"
    FAILED = "not all could be recorded"


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """How the recording of the scan in hand stands, or that of the last one.

    Attributes:
        path: of the capture; empty if the scan is not recorded.
        is_open: whether there is more to come.
        events: how many of the scan are in the capture.
        size: of the capture, in bytes.
        lost: how many events are not in it because it could not be written.
        backlog: how many bytes wait to be written.
        error: the latest reason why something could not be written.
    """

    path: str = ""
    is_open: bool = False
    events: int = 0
    size: int = 0
    lost: int = 0
    backlog: int = 0
    error: str = ""

    @property
    def state(self) -> RecordingState:
        """How it stands."""
        if self.error:
            return RecordingState.FAILED
        if self.is_open:
            return RecordingState.RECORDING
        return RecordingState.DONE if self.path else RecordingState.OFF


@dataclass(frozen=True, slots=True)
class IngesterStatistics:
    """How an ingester stands.

    Attributes:
        scan: the scan in hand, or the last one; empty before the first.
        counts: of all streams together.
        streams: what became of the packets of each stream.
        kept_bytes: of frames whose events are not complete.
        lag: how many events there are from the lowest that is not complete to the highest that has come.
        recording: how the recording stands.
        unanswered: the URLs of its sources at which nobody answers now.
        packet_rate, byte_rate: taken in, in 1/s and B/s.
        forwarded_rate, forwarded_byte_rate: shares and bytes sent to workers, in 1/s and B/s.
    """

    scan: bytes = b""
    counts: IngesterCounts = field(default_factory=IngesterCounts)
    streams: dict[str, MatchCounts] = field(default_factory=dict)
    kept_bytes: int = 0
    lag: int = 0
    recording: RecordingStatus = RecordingStatus()
    unanswered: tuple[str, ...] = ()
    packet_rate: float = 0.0
    byte_rate: float = 0.0
    forwarded_rate: float = 0.0
    forwarded_byte_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """How a worker stands.

    Attributes:
        scan: the scan in hand, or the last one; empty before the first.
        counts: what it has done.
        time: what its time goes to.
        lag: how many events it has in hand that have not been processed.
        window: how many it may have in hand.
        rate: events processed, in 1/s.
        received_byte_rate, sent_byte_rate: from ingesters and to the reducer, in B/s.
        seconds_per_call: that ``process_event`` has taken lately, on average.
    """

    scan: bytes = b""
    counts: WorkerCounts = field(default_factory=WorkerCounts)
    time: TimeShares = TimeShares()
    lag: int = 0
    window: int = 0
    rate: float = 0.0
    received_byte_rate: float = 0.0
    sent_byte_rate: float = 0.0
    seconds_per_call: float = 0.0


@dataclass(frozen=True, slots=True)
class ReducerStatistics:
    """How the reducer stands.

    Attributes:
        scan: the scan in hand, or the last one; empty before the first.
        counts: what it has done.
        time: what its time goes to; not that of the ``timer``, which has a thread of its own.
        lag: how many results wait for ``process_result``.
        rate: results reduced, in 1/s.
        byte_rate: from workers, in B/s.
    """

    scan: bytes = b""
    counts: ReducerCounts = field(default_factory=ReducerCounts)
    time: TimeShares = TimeShares()
    lag: int = 0
    rate: float = 0.0
    byte_rate: float = 0.0


NodeStatistics = IngesterStatistics | WorkerStatistics | ReducerStatistics


class Meter:
    """Tells the rates of some counters, from one reading to the next; they begin at 0."""

    def __init__(self, now: float) -> None:
        self._read = now
        self._totals: tuple[int, ...] = ()
        self._rates: tuple[float, ...] = ()

    def rates(self, now: float, *totals: int) -> tuple[float, ...]:
        """Return the rate of each counter in 1/s; that of the reading before, if that was a moment ago."""
        before = self._totals or (0,) * len(totals)
        seconds = now - self._read
        if seconds >= SHORTEST or not self._rates:
            self._rates = tuple(
                (total - old) / max(seconds, SHORTEST) for total, old in zip(totals, before, strict=True)
            )
            self._read, self._totals = now, totals
        return self._rates


class Activity(IntEnum):
    """What a node that runs one of the user's classes does, in the order of `TimeShares`."""

    WAITING = 0
    JOINING = 1
    PROCESSING = 2
    SENDING = 3


class Stopwatch:
    """Adds up what the time of a loop goes to, with one look at the clock for each activity."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._spent = [0.0] * len(Activity)

    def spent_on(self, activity: Activity) -> float:
        """Take note that the time since the last note went to this; return the time."""
        now = self._clock()
        self._spent[activity] += now - self._last
        self._last = now
        return now

    def shares(self, processing: float | None = None) -> TimeShares:
        """Return what the time since the last call went to.

        Args:
            processing: how many of the seconds noted for it really went to it, if that is known; the rest is joining.
        """
        spent, self._spent = self._spent, [0.0] * len(Activity)
        if processing is not None:
            spent[Activity.JOINING] += spent[Activity.PROCESSING] - processing
            spent[Activity.PROCESSING] = processing
        total = sum(spent)
        return TimeShares(*(seconds / total for seconds in spent)) if total > 0 else TimeShares()
