"""The vector messages of a PandABox become a packet for each trigger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.core.sources.live import STREAM, Scan, publishing

from dranspose.data.pcap import PCAPEnd, PCAPStart
from dranspose.middlewares.pcap import parse
from dranspose.simulate.pcap import messages
from dranspose.simulate.player import messages as captured
from dranspose.sources.matching import MatchCounts
from dranspose.sources.pcap import MAX_TRIGGERS, PcapSource


def pcap(**fields: Any) -> list[bytes]:
    return [json.dumps({"message_type": "data"} | fields).encode()]


def test_the_capture(captures: Path) -> None:
    with publishing(captured(captures / "pcap-zmq.cbors")) as url:
        scan = Scan(PcapSource(STREAM, [url]), 1500).run()
    parsed = scan.parsed(parse)
    assert list(parsed) == list(range(1502))
    assert isinstance(parsed[0], PCAPStart)
    assert parsed[0].arm_time == "2024-10-07T08:49:10.627Z"
    assert isinstance(parsed[1501], PCAPEnd)
    for event in range(1, 1501):
        assert (parsed[event].frame_number, parsed[event].triggernumber) == (event - 1, event)
    first, last = parsed[1], parsed[1500]
    assert (first.energy, first.inttime, first.message_id, first.version) == (
        8879.101048716273,
        7.1160000000000005,
        2,
        1,
    )
    assert (last.energy, last.inttime, last.message_id) == (9178.90056771702, 6.5178, 101)
    assert getattr(last, "INENC3.VAL.Mean") == 0.0


@pytest.mark.parametrize(("triggers", "per_message"), [(100, 15), (45, 15), (7, 1), (0, 15)])
def test_a_simulated_series(triggers: int, per_message: int) -> None:
    with publishing(messages(triggers, per_message)) as url:
        scan = Scan(PcapSource(STREAM, [url]), triggers).run()
    parsed = scan.parsed(parse)
    assert [parsed[event].energy for event in range(1, triggers + 1)] == [8900 + i / 10 for i in range(triggers)]
    assert scan.matcher.counts == MatchCounts(delivered=triggers + 2)


def test_the_triggers_of_a_lost_message_are_missing() -> None:
    start, first, _, third, end = messages(30, 10)
    with publishing([start, first, third, end]) as url:
        scan = Scan(PcapSource(STREAM, [url]), 30).run()
    assert scan.missing == [(11, 20)]
    assert scan.parsed(parse)[21].energy == 8902.0


def test_single_values_are_repeated_and_what_json_does_not_have_is_kept() -> None:
    start, end = messages(0)
    with publishing([start, pcap(frame_number=0, gain=2, x=[1.5, float("nan"), None]), end]) as url:
        scan = Scan(PcapSource(STREAM, [url]), 3).run()
    parsed = scan.parsed(parse)
    assert [parsed[event].gain for event in (1, 2, 3)] == [2, 2, 2]
    assert [str(parsed[event].x) for event in (1, 2, 3)] == ["1.5", "nan", "None"]


HOSTILE = [
    [b"PCAP"],
    [b"[]"],
    pcap(message_type="dark"),
    pcap(message_type=[]),
    pcap(x=[1.0]),
    pcap(frame_number=[1], x=[1.0]),
    pcap(frame_number=1, x=[1.0, 2.0], y=[1.0]),
    pcap(frame_number=1, x=[0] * (MAX_TRIGGERS + 1)),
    pcap(frame_number=1) * 2,
    [pcap(frame_number=1, x=[0])[0][:-1]],
]


def test_what_is_no_message_of_a_pandabox() -> None:
    start, first, second, end = messages(4, 2)
    with publishing([start, first, *HOSTILE, second, end]) as url:
        scan = Scan(PcapSource(STREAM, [url]), 4).run()
    assert [scan.parsed(parse)[event].triggernumber for event in range(1, 5)] == [1, 2, 3, 4]
    assert [skipped.first_bytes for skipped in scan.skipped] == [parts[0][:32] for parts in HOSTILE]
