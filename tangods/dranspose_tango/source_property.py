"""The properties that tell an ingester where its frames come from."""

from __future__ import annotations

from collections.abc import Sequence

from dranspose.protocol import StreamName


def urls_by_stream(streams: Sequence[str], urls: Sequence[str]) -> dict[StreamName, list[str]]:
    """Return the URLs of each stream: one for each in order, or any number written as ``stream=url``.

    Raises:
        ValueError: a stream has no URL, a URL no stream, or a stream is named twice.
    """
    if not streams or len(set(streams)) < len(streams):
        raise ValueError(f"Streams names {', '.join(streams) or 'no stream'}: name each stream of this ingester once")
    named = [url.partition("=") for url in urls if url.partition("=")[0] in streams]
    if not named and len(urls) == len(streams):
        return {StreamName(stream): [url] for stream, url in zip(streams, urls, strict=True)}
    if len(named) < len(urls):
        raise ValueError(
            f"Urls has {len(urls)} for {len(streams)} streams: give one for each stream, in the order of Streams "
            f"({', '.join(streams)}), or write each as stream=url"
        )
    found = {StreamName(stream): [url for name, _, url in named if name == stream] for stream in streams}
    if without := [stream for stream, theirs in found.items() if not theirs]:
        raise ValueError(f"Urls has none for {', '.join(without)}: add {without[0]}=URL")
    return found
