"""A throttle lets a number pass in each second."""

from __future__ import annotations

from dranspose.dataplane.throttle import Throttle


def test_so_many_pass_in_a_second_and_again_in_the_next() -> None:
    throttle = Throttle(2)
    assert [throttle.lets_pass(now) for now in (5.0, 5.1, 5.2, 5.9)] == [True, True, False, False]
    assert [throttle.lets_pass(now) for now in (6.0, 6.0, 6.0)] == [True, True, False]
    assert throttle.lets_pass(9.5)
