"""Sources are made by name, or from a class of anybody's, with the URLs of their streams."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest

from dranspose.analysis import AnalysisError
from dranspose.sources.catalogue import BUILT_IN, make_sources
from dranspose.sources.source import SourceError
from dranspose.sources.stins import StinsSource


class Recorded:
    """Stands for a source, and keeps what it was made with."""

    def __init__(self, streams: Any, urls: Sequence[str]) -> None:
        self.made_with = streams, urls


class RecordedTogether(Recorded):
    several_streams = True


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "own_sources", sys.modules[__name__])


def made(name: str, streams: list[str], urls: list[str]) -> list[Any]:
    return [source.made_with for source in make_sources(f"own_sources:{name}", streams, urls)]  # type: ignore[attr-defined]


def test_a_built_in_source_of_one_stream_takes_all_urls() -> None:
    [source] = make_sources("stins", ["eiger"], ["tcp://a:1", "tcp://a:1"])
    assert isinstance(source, StinsSource)
    assert (source.streams, source.connections) == (("eiger",), 2)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_source_can_be_made(name: str) -> None:
    [source] = make_sources(name, ["detector"], ["tcp://a:1"])
    assert source.streams == ("detector",)
    assert source.sockets == []


def test_several_streams_are_several_sources() -> None:
    assert made("Recorded", ["a", "b"], ["tcp://a:1", "tcp://b:1"]) == [("a", ["tcp://a:1"]), ("b", ["tcp://b:1"])]


def test_urls_may_name_their_stream() -> None:
    urls = ["b=tcp://b:1", "a=tcp://a:1?x=y", "b=tcp://b:2"]
    assert made("Recorded", ["a", "b"], urls) == [("a", ["tcp://a:1?x=y"]), ("b", ["tcp://b:1", "tcp://b:2"])]


def test_a_url_with_an_equals_sign_names_no_stream() -> None:
    assert made("Recorded", ["a"], ["tcp://a:1?x=y"]) == [("a", ["tcp://a:1?x=y"])]


def test_a_class_of_several_streams_is_made_once() -> None:
    assert made("RecordedTogether", ["a", "b"], ["tcp://c:1"]) == [(["a", "b"], ["tcp://c:1"])]


@pytest.mark.parametrize(
    ("name", "streams", "urls", "problem"),
    [
        ("stons", ["a"], ["tcp://a:1"], "there is no source 'stons': it is package.module:Class, or one of .*stins"),
        ("stins", [], ["tcp://a:1"], "a source stins needs streams of different names, not none"),
        ("stins", ["a", "a"], ["tcp://a:1"], "needs streams of different names, not a, a"),
        ("stins", ["a"], [], "StinsSource needs a URL"),
        ("stins", ["a", "b"], ["tcp://a:1"], "1 URLs for 2 streams: write each as stream=url"),
        ("stins", ["a", "b"], ["a=tcp://a:1"], "stream 'b': StinsSource needs a URL"),
        ("stins", ["a"], ["a=tcp://a:1", "b=tcp://a:1"], "there are URLs of b"),
        ("builtins:int", ["a"], ["tcp://a:1"], "a source builtins:int of a cannot be made"),
    ],
)
def test_what_cannot_be_made(name: str, streams: list[str], urls: list[str], problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        make_sources(name, streams, urls)


def test_a_class_that_is_not_there() -> None:
    with pytest.raises(AnalysisError, match="'Missing'"):
        make_sources("own_sources:Missing", ["a"], ["tcp://a:1"])
