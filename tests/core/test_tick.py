"""The clock of ticks marks the first event and then the first after each interval."""

from __future__ import annotations

from dranspose.tick import TickClock


def test_the_first_event_is_marked():
    assert TickClock().ticks(0.0, 10.0)


def test_the_first_event_after_each_interval_is_marked():
    clock = TickClock()
    assert [now for now in range(10) if clock.ticks(now, 3.0)] == [0, 3, 6, 9]


def test_an_interval_counts_from_the_last_tick():
    clock = TickClock()
    assert [now for now in (0, 5, 7, 8, 10) if clock.ticks(now, 3.0)] == [0, 5, 8]


def test_one_clock_serves_workers_with_different_intervals():
    clock = TickClock()
    assert clock.ticks(0.0, 1.0)
    assert not clock.ticks(2.0, 5.0)
    assert clock.ticks(2.0, 1.0)


def test_without_an_interval_every_event_is_marked():
    clock = TickClock()
    assert all(clock.ticks(1.0, 0.0) for _ in range(3))
