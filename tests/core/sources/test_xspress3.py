"""Images of an Xspress3 arrive in both framings; a lost or damaged part loses its image and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.core.sources.live import STREAM, Scan, publishing

from dranspose.middlewares.xspress import parse
from dranspose.simulate.player import messages as captured
from dranspose.simulate.xspress3 import messages, spectra
from dranspose.sources.matching import MatchCounts
from dranspose.sources.xspress3 import Xspress3Source


def test_the_capture(captures: Path) -> None:
    with publishing(captured(captures / "xspress3-dump.cbors")) as url:
        scan = Scan(Xspress3Source(STREAM, [url]), 20).run()
    parsed = scan.parsed(parse)
    assert list(parsed) == list(range(22))
    assert [parsed[event].frame for event in range(1, 21)] == list(range(20))
    assert sum(int(parsed[event].data.sum()) for event in range(1, 21)) == 47
    assert scan.skipped == []


@pytest.mark.parametrize("channels", [2, 5])  # below and above the size from which parts are not copied
@pytest.mark.parametrize("separate", [False, True])
def test_a_simulated_series(separate: bool, channels: int) -> None:
    with publishing(messages(100, channels, separate=separate)) as url:
        scan = Scan(Xspress3Source(STREAM, [url]), 100).run()
    assert scan.matcher.counts == MatchCounts(delivered=102)
    for event, image in list(scan.parsed(parse).items())[1:-1]:
        np.testing.assert_array_equal(image.data, spectra(event - 1, channels), strict=True)
        assert image.meta["AllGood"].tolist() == [event - 1] * channels


@pytest.mark.parametrize(
    ("lost", "reasons"),
    [
        ([6], ["not JSON", "not JSON"]),
        ([7], ["only 2 of 3 frames came"]),
        ([8], ["only 2 of 3 frames came"]),
        ([7, 8], ["only 1 of 3 frames came"]),
        ([6, 7], ["not JSON"]),
        ([6, 8], ["not JSON"]),
        ([6, 7, 8], []),
        ([8, 9], ["only 2 of 3 frames came", "not JSON", "not JSON"]),
    ],
)
def test_what_is_lost_of_separate_messages_is_missing_and_shifts_nothing(lost: list[int], reasons: list[str]) -> None:
    [start], *frames, [end] = messages(6, 1, separate=True)
    kept = [[frame] for index, [frame] in enumerate(frames) if index not in lost]
    with publishing([[start], *kept, [end]]) as url:
        scan = Scan(Xspress3Source(STREAM, [url]), 6).run()
    events = sorted({index // 3 + 1 for index in lost})
    assert sorted(scan.frames) == [event for event in range(8) if event not in events]
    assert scan.missing == [(events[0], events[-1])]
    for event in set(range(1, 7)) - set(events):
        assert parse(scan.frames[event]).data[0, 0] == event - 1  # type: ignore[union-attr]
    assert len(scan.skipped) == len(reasons)
    for skipped, reason in zip(scan.skipped, reasons, strict=True):
        assert reason in skipped.reason


HOSTILE = [
    [b"{"],
    [b""],
    [b"\x00" * 100],
    [b'{"htype": "dark"}'],
    [b'{"htype": "header"}', b"metadata"],
    [b'{"htype": "series_end"}', b""],
    [b'{"htype": "image", "frame": true}', b"", b""],
    [b'{"htype": "image", "frame": -1}', b"", b""],
    [b'{"htype": "image", "frame": 1}', b"", b"", b""],
]


def test_what_is_no_message_of_an_xspress3() -> None:
    start, *images, end = messages(4, 1)
    with publishing([start, images[0], *HOSTILE, *images[1:], end]) as url:
        scan = Scan(Xspress3Source(STREAM, [url]), 4).run()
    assert [parse(scan.frames[event]).frame for event in range(1, 5)] == list(range(4))  # type: ignore[union-attr]
    assert [skipped.first_bytes for skipped in scan.skipped] == [parts[0][:32] for parts in HOSTILE]


def test_counters_are_not_unpickled_by_the_source() -> None:
    start, [head, blob, _], end = messages(1, 1)
    with publishing([start, [head, blob, b"cposix\nabort\n)R."], end]) as url:
        scan = Scan(Xspress3Source(STREAM, [url]), 1).run()
    assert scan.frames[1].frames[2] == b"cposix\nabort\n)R."


def test_a_series_after_one_that_was_cut_off_starts_anew() -> None:
    start, *images, end = messages(3, 1, separate=True)
    source = Xspress3Source(STREAM, ["tcp://127.0.0.1:1"])
    source.begin()
    of_both = [
        packet for message in [start, *images[:5], start, *images, end] for packet in source.packets_of(message, 0)
    ]
    assert [getattr(packet, "number", None) for packet in of_both] == [0, 1, None, 0, 1, 2, 3, 4]
