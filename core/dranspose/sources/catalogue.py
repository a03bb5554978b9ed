"""The sources that an ingester can be told to have, by name or, of anybody's making, as ``package.module:Class``.

A source class is made with the name of its stream and its URLs, once for each stream. One that says
``several_streams = True`` is made once, with the names of all streams and all URLs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dranspose.analysis import load_class
from dranspose.protocol import StreamName
from dranspose.sources.source import Source, SourceError

BUILT_IN: Mapping[str, str] = {
    "albaem": "dranspose.sources.albaem:AlbaemSource",
    "contrast": "dranspose.sources.contrast:ContrastSource",
    "eiger-legacy": "dranspose.sources.eiger_legacy:EigerLegacySource",
    "hdf5": "dranspose.sources.hdf5:Hdf5Source",
    "lecroy": "dranspose.sources.lecroy:LecroySource",
    "pcap": "dranspose.sources.pcap:PcapSource",
    "positioncap": "dranspose.sources.positioncap:PositioncapSource",
    "sardana": "dranspose.sources.sardana:SardanaSource",
    "stins": "dranspose.sources.stins:StinsSource",
    "stream2": "dranspose.sources.stream2:Stream2Source",
    "xspress3": "dranspose.sources.xspress3:Xspress3Source",
}
"""Loaded when it is wanted: some need libraries that the others do without."""


def make_sources(
    name: str, streams: Sequence[str], urls: Sequence[str], known: Mapping[str, str] = BUILT_IN
) -> list[Source]:
    """Return the sources of these streams.

    Args:
        name: of a known source, or a class as ``package.module:Class``.
        streams: their names.
        urls: where they come from: any number for a single stream, one for each of several in their order, or each
            as ``stream=url``, which gives a stream several; or nowhere at all.
        known: sources by their names.

    Raises:
        SourceError: there is no such source, or it cannot have these streams and URLs.
        AnalysisError: there is no such class.
    """
    if ":" not in name and name not in known:
        raise SourceError(f"there is no source {name!r}: it is package.module:Class, or one of {', '.join(known)}")
    source_class: Any = load_class(known.get(name, name))
    if not streams or len(set(streams)) < len(streams):
        raise SourceError(f"a source {name} needs streams of different names, not {', '.join(streams) or 'none'}")
    try:
        if getattr(source_class, "several_streams", False):
            return [source_class([StreamName(stream) for stream in streams], list(urls))]
        return [source_class(StreamName(stream), urls) for stream, urls in _urls_of_each(streams, urls).items()]
    except (TypeError, ValueError) as error:
        raise SourceError(f"a source {name} of {', '.join(streams)} cannot be made: {error}") from error


def _urls_of_each(streams: Sequence[str], urls: Sequence[str]) -> Mapping[str, Sequence[str]]:
    if not urls:
        return dict.fromkeys(streams, ())
    named = [url.partition("=") for url in urls]
    if all(equals and "://" not in stream for stream, equals, _ in named):
        unknown = {stream for stream, _, _ in named} - set(streams)
        if unknown:
            raise ValueError(f"there are URLs of {', '.join(sorted(unknown))}")
        return {stream: [url for other, _, url in named if other == stream] for stream in streams}
    if len(streams) == 1:
        return {streams[0]: urls}
    if len(urls) != len(streams):
        raise ValueError(f"{len(urls)} URLs for {len(streams)} streams: write each as stream=url")
    return {stream: [url] for stream, url in zip(streams, urls, strict=True)}
