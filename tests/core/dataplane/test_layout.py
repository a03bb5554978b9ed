"""The layout of events is what the trigger map says of each."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.triggermap_strategies import documents

from dranspose.dataplane import layout
from dranspose.dataplane.layout import Layout
from dranspose.triggermap import Recipients, TriggerMap


@settings(deadline=None)
@given(document=documents(), wrap=st.booleans(), block=st.integers(1, 5))
def test_it_is_the_trigger_maps(document: dict[str, Any], wrap: bool, block: int) -> None:
    trigger_map = TriggerMap.from_json(document, wrap=wrap)

    def meant(codes: list[int]) -> Recipients:
        return Recipients(
            tuple(code for code in codes if code >= 0),
            tuple(trigger_map.tag_sets[-1 - code] for code in codes if code < 0),
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "BLOCK", block)
        found = Layout(trigger_map)
        for event in range(trigger_map.total_events):
            needs = {stream: who for stream, who in trigger_map.needs(event).items() if any(who)}
            assert {stream: meant(codes) for stream, codes in found.recipients(event).items()} == needs
            parties = meant(found.parties(event))
            assert set(parties.virtual_workers) == set(trigger_map.recipients(event).virtual_workers)
            assert set(parties.broadcasts) == set(trigger_map.recipients(event).broadcasts)
            assert found.block(event // block).streams[event % block] == len(needs)


def test_equal_recipients_are_kept_once() -> None:
    uniform = {"streams": ["eiger", "pcap"], "events": 1000, "batch": 10}
    found = Layout(TriggerMap.from_json({"uniform": uniform})).block(0)
    kept = {id(codes) for events in (found.parties, *found.recipients.values()) for codes in events}
    virtual_workers, broadcasts = 100, 1  # of the start and of the end event, to the same tags
    assert len(kept) == virtual_workers + broadcasts
