"""A client that comes back gets what is new, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import h5pyd
import numpy as np
import pytest

from dranspose.event import ResultData
from dranspose.protocol import EventNumber, HashDigest, ReducerState, WorkerName
from dranspose.publish.http import Server
from dranspose.results import Mark, News, NexusReducer, news_since


class Scans:
    """One reducer after the other, served at the same place; they write no file."""

    def __init__(self) -> None:
        self.begin(1)

    def begin(self, scan: int) -> None:
        self.reducer = NexusReducer(state=ReducerState("reducer", "1", mapping_uuid=UUID(int=scan)))
        self.reducer.open("")

    def add(self, *events: int) -> None:
        for event in events:
            result = ResultData(EventNumber(event), WorkerName("w"), HashDigest("a"), None)
            self.reducer.add(result, mean=event + 0.5, sample=f"s{event}", image=np.zeros((2, 2)))


@pytest.fixture
def scans() -> Scans:
    return Scans()


@contextmanager
def served(scans: Scans) -> Iterator[str]:
    with Server(lambda: (scans.reducer.publish, scans.reducer.publish_rlock)) as server:
        yield server.url


def read(url: str, mark: Mark) -> News:
    with h5pyd.File("/", "r", endpoint=url) as file:
        return news_since(mark, file)


def test_what_was_read_does_not_come_again_and_nothing_is_left_out(scans: Scans) -> None:
    with served(scans) as url:
        scans.add(3, 1, 2)
        first = read(url, Mark())
        assert first.events.tolist() == [3, 1, 2]
        assert first.values["mean"].tolist() == [3.5, 1.5, 2.5]
        assert [bytes(text).decode() for text in first.values["sample"]] == ["s3", "s1", "s2"]
        assert first.values.keys() == {"mean", "sample"}  # of arrays only the latest is published
        scans.add(0, 7)  # 0 comes late
        second = read(url, first.mark)
        assert not second.is_new_scan
        assert second.events.tolist() == [0, 7]
        assert second.values["mean"].tolist() == [0.5, 7.5]
        assert read(url, second.mark).events.tolist() == []


def test_a_client_goes_on_after_the_connection_was_lost(scans: Scans) -> None:
    scans.add(*range(5))
    with served(scans) as url:
        mark = read(url, Mark()).mark
    scans.add(5, 6)
    with served(scans) as url:
        assert read(url, Mark(mark.scan, mark.arrivals)).events.tolist() == [5, 6]


def test_another_scan_is_read_from_its_beginning(scans: Scans) -> None:
    with served(scans) as url:
        scans.add(0, 1)
        mark = read(url, Mark()).mark
        scans.begin(2)
        nothing = read(url, mark)
        assert nothing.is_new_scan
        assert nothing.events.tolist() == []
        scans.add(1)
        assert read(url, mark).events.tolist() == [1]
        assert read(url, nothing.mark).events.tolist() == [1]


def test_another_scan_that_begins_meanwhile_is_an_error(scans: Scans) -> None:
    with served(scans) as url:
        scans.add(0, 1)

        class Slow(h5pyd.File):
            def __getitem__(self, name: str) -> object:
                return Entry(super().__getitem__(name))

        class Entry:
            def __init__(self, group: h5pyd.Group) -> None:
                self._group = group

            def __getitem__(self, name: str) -> object:
                if name == "data":
                    scans.begin(2)
                    scans.add(0, 1)
                return self._group[name]

        with Slow("/", "r", endpoint=url, use_cache=False) as file, pytest.raises(OSError, match="another scan"):
            news_since(Mark(), file)


def test_columns_are_as_long_as_there_are_events(scans: Scans) -> None:
    scans.add(0)
    scans.reducer.add(ResultData(EventNumber(2), WorkerName("w"), HashDigest("a"), None), mean=2.5)
    with served(scans) as url:
        values = read(url, Mark()).values
    assert values["mean"].tolist() == [0.5, 2.5]
    assert [bytes(text).decode() for text in values["sample"]] == ["s0", ""]
