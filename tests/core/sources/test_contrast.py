"""Scans of Contrast arrive over a real socket; what is no message of it is skipped, and shifts nothing."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from tests.core.sources.live import STREAM, Scan, publishing

from dranspose.data.contrast import ContrastFinished, ContrastStarted
from dranspose.middlewares.contrast import parse
from dranspose.simulate.contrast import messages
from dranspose.simulate.player import messages as captured
from dranspose.sources.contrast import ContrastSource
from dranspose.sources.matching import MatchCounts


class Running:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


HOSTILE = [
    [b"contrast"],
    [b""],
    [pickle.dumps({"status": "running", "dt": Running()})],
    [pickle.dumps({"status": "running", "dt": 1.0})] * 2,
    [pickle.dumps({"status": "running", "dt": 1.0})[:-1]],
    [pickle.dumps({"status": "running"})],
    [pickle.dumps({"status": "paused"})],
    [b"\x80\x04N" + b"r\xff\xff\xff\x7f" + b"."],
]


def test_the_capture(captures: Path) -> None:
    with publishing(captured(captures / "contrast-dump.cbors")) as url:
        scan = Scan(ContrastSource(STREAM, [url]), 20).run()
    assert list(scan.frames) == list(range(22))
    parsed = scan.parsed(parse)
    assert isinstance(parsed[0], ContrastStarted)
    assert isinstance(parsed[21], ContrastFinished)
    assert (parsed[1].dt, parsed[20].dt) == (2.410903215408325, 9.71180534362793)


def test_a_simulated_scan() -> None:
    with publishing(messages(250)) as url:
        scan = Scan(ContrastSource(STREAM, [url]), 250).run()
    parsed = scan.parsed(parse)
    assert [parsed[event].pseudo["x"].tolist() for event in range(1, 251)] == [[float(i)] for i in range(250)]
    assert [parsed[event].sx for event in range(1, 251)] == list(range(250))
    assert scan.matcher.counts == MatchCounts(delivered=252)


def test_what_is_no_message_of_contrast(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    sound = list(messages(3))
    with publishing([*sound[:3], *HOSTILE, *sound[3:]]) as url:
        scan = Scan(ContrastSource(STREAM, [url]), 3).run()
    assert [scan.parsed(parse)[event].sx for event in (1, 2, 3)] == [0, 1, 2]
    assert [skipped.first_bytes for skipped in scan.skipped] == [parts[0][:32] for parts in HOSTILE]
    assert not list(tmp_path.iterdir())


def test_a_point_that_is_lost_is_missing_at_the_end() -> None:
    sound = list(messages(5))
    with publishing([*sound[:3], *sound[4:]]) as url:
        scan = Scan(ContrastSource(STREAM, [url]), 5).run()
    assert scan.missing == [(5, 5)]
