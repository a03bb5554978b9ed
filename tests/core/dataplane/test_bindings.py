"""Bindings are remembered as long as an event may need them, and no longer."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.triggermap_strategies import documents

from dranspose.dataplane.bindings import Bindings
from dranspose.scheduling.instructions import Bind
from dranspose.triggermap import TriggerMap


@settings(deadline=None)
@given(document=documents(), steps=st.lists(st.integers(1, 5)))
def test_what_has_no_events_any_more_is_forgotten(document: dict[str, Any], steps: list[int]) -> None:
    trigger_map = TriggerMap.from_json(document)
    bindings = Bindings(trigger_map)
    everyone = range(trigger_map.virtual_workers)
    if everyone:
        bindings.bind(Bind(0, everyone[-1], "worker"))
        bindings.bind_again(Bind(0, everyone[-1], "worker", 1))
    event = 0
    for step in steps:
        event += step
        bindings.forget_before(event)
        left = [v for v in everyone if trigger_map.events_of(v)[-1] >= event]
        assert sorted(bindings.first) == sorted(bindings.again) == left


def test_the_virtual_workers_of_an_attempt_are_one_binding() -> None:
    trigger_map = TriggerMap.from_json({"uniform": {"streams": ["eiger"], "events": 10}})
    bindings = Bindings(trigger_map)
    first = bindings.bind_again(Bind(0, 4, "a", 1, ((2, 3),)))
    second = bindings.bind_again(Bind(4, 5, "b", 2))
    assert bindings.rebindings([3]) == bindings.rebindings([0, 1, -1]) == [first]
    assert bindings.rebindings([3, 4]) == [first, second]
    assert bindings.rebindings([6]) == []
    assert 2 in first.skip
    assert first.virtual_workers == range(5)
