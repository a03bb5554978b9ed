"""Rates, and what time goes to, by a clock of the test's own."""

import math

from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.statistics import SHORTEST, Activity, Meter, Stopwatch, TimeShares


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_those_of_the_time_since_the_reading_before() -> None:
    meter = Meter(10.0)
    assert meter.rates(12.0, 20, 4000) == (10.0, 2000.0)
    assert meter.rates(16.0, 20, 4004) == (0.0, 1.0)


def test_a_reading_a_moment_later_tells_the_same_and_loses_nothing() -> None:
    meter = Meter(10.0)
    assert meter.rates(12.0, 20) == (10.0,)
    assert meter.rates(12.0 + SHORTEST / 2, 1020) == (10.0,)
    assert meter.rates(14.0, 1020) == (500.0,)


def test_a_first_reading_at_once_is_a_number() -> None:
    assert Meter(10.0).rates(10.0, 0) == (0.0,)


def test_shares_are_what_was_noted_since_the_last_time() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    for seconds, activity in ((1, Activity.WAITING), (2, Activity.PROCESSING), (1, Activity.SENDING)):
        clock.now += seconds
        assert stopwatch.spent_on(activity) == clock.now
    assert stopwatch.shares() == TimeShares(waiting=0.25, processing=0.5, sending=0.25)
    clock.now += 5
    stopwatch.spent_on(Activity.JOINING)
    assert stopwatch.shares() == TimeShares(waiting=0.0, joining=1.0)


def test_what_was_not_spent_in_the_users_code_is_joining() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    clock.now += 4
    stopwatch.spent_on(Activity.PROCESSING)
    assert stopwatch.shares(processing=3) == TimeShares(waiting=0.0, joining=0.25, processing=0.75)


def test_without_any_time_all_of_it_was_waiting() -> None:
    assert Stopwatch(Clock()).shares() == TimeShares(1.0)


@given(spent=st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from(Activity))))
def test_shares_add_up_to_one(spent: list[tuple[float, Activity]]) -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock)
    for seconds, activity in spent:
        clock.now += seconds
        stopwatch.spent_on(activity)
    shares = stopwatch.shares()
    total = shares.waiting + shares.joining + shares.processing + shares.sending
    assert math.isclose(total, 1.0)
    assert min(shares.waiting, shares.joining, shares.processing, shares.sending) >= 0
