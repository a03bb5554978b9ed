"""Ticks, by a clock of the test's own."""

from collections.abc import Sequence
from typing import Any

from dranspose.dataplane.marking import Marking
from dranspose.dataplane.wire import Share
from dranspose.event import StreamData


def shares(*events: int, lost: bool = False) -> list[Share]:
    return [Share(event, 0, 1, False, None if lost else StreamData("T", [b""])) for event in events]


class Marked(Marking):
    """Ticks every ten seconds, unless told otherwise; the time is set by hand, and events below `led` are led here."""

    led = 100

    def __init__(self, interval: float | None = 10.0) -> None:
        super().__init__(lambda: self.now)
        self.now = 100.0
        self.interval = interval

    def marks(self, worker: str, shares: Sequence[Share], leads: Any = None) -> tuple[int, ...]:
        return super().marks(worker, shares, lambda share: share.event < self.led)


def test_nothing_is_marked_while_nobody_asks_for_it() -> None:
    marking = Marked(None)
    assert marking.marks("ann", shares(0, 1)) == ()


def test_one_event_is_marked_in_an_interval_whoever_gets_it() -> None:
    marking = Marked()
    assert marking.marks("ann", shares(0, 1, 2)) == (0,)
    assert marking.marks("bob", shares(0, 3)) == ()
    marking.now += 9.9
    assert marking.marks("bob", shares(4)) == ()
    marking.now += 0.1
    assert marking.marks("bob", shares(5, 6)) == (5,)
    assert marking.marks("ann", shares(7)) == ()


def test_without_an_interval_every_event_is_marked() -> None:
    assert Marked(0.0).marks("ann", shares(3, 4, 5)) == (3, 4, 5)


def test_what_another_frame_leads_is_not_marked() -> None:
    for interval, marked in ((10.0, (3,)), (0.0, (3, 4))):
        marking = Marked(interval)
        marking.led = 5
        assert marking.marks("ann", shares(5, 6)) == ()
        assert marking.marks("ann", shares(3, 4, 5)) == marked


def test_an_event_without_a_frame_is_not_marked() -> None:
    marking = Marked()
    assert marking.marks("ann", shares(0, lost=True)) == ()
    assert marking.marks("ann", shares(1, lost=True) + shares(2)) == (2,)


def test_a_mark_that_is_lost_with_its_worker_goes_to_the_next_event() -> None:
    marking = Marked()
    assert marking.marks("ann", shares(0, 1)) == (0,)
    marking.lose("bob", lambda event: False)
    assert marking.marks("cid", shares(2)) == ()
    marking.lose("ann", {1}.__contains__)
    assert marking.marks("cid", shares(3)) == (3,)
    marking.lose("ann", {1}.__contains__)
    marking.lose("cid", {3}.__contains__)
    assert marking.marks("dan", shares(4)) == ()
