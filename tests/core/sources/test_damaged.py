"""Messages with bytes changed, cut off and put in: sources and parsers refuse them, or make the best of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.sources.live import STREAM

from dranspose.data.eiger_legacy import EigerLegacyImage
from dranspose.data.message import MalformedFrameError
from dranspose.data.stream2 import Stream2Image
from dranspose.event import StreamData
from dranspose.middlewares import albaem, contrast, eiger_legacy, lecroy, pcap, stream1, stream2, xspress
from dranspose.middlewares.positioncap import PositioncapParser
from dranspose.simulate import albaem as simulated_albaem
from dranspose.simulate import contrast as simulated_contrast
from dranspose.simulate import eiger_legacy as simulated_eiger
from dranspose.simulate import lecroy as simulated_lecroy
from dranspose.simulate import pcap as simulated_pcap
from dranspose.simulate import positioncap as simulated_positioncap
from dranspose.simulate import stream2 as simulated_stream2
from dranspose.simulate import xspress3 as simulated_xspress3
from dranspose.simulate.stins import StinsDetector, encoder, plan
from dranspose.sources.catalogue import make_sources
from dranspose.sources.packet import Packet, Skipped
from dranspose.sources.source import Source
from dranspose.sources.zmq_source import ZmqSource

Messages = Sequence[Sequence[bytes]]


def looked_at(message: Any) -> Any:
    """Return a message whose images, if it has any, have been decompressed."""
    match message:
        case EigerLegacyImage():
            _ = message.pixels
        case Stream2Image():
            list(message.data.values())
    return message


STINS = StinsDetector(images=2, shape=(8, 16), compression="bslz4")
DETECTORS: dict[str, tuple[str, Messages, Callable[[StreamData], Any]]] = {
    "stins": ("stins", [*map(encoder(STINS), plan(STINS))], stream1.parse),
    "albaem": ("albaem", [*simulated_albaem.messages(2)], albaem.parse),
    "eiger_legacy": (
        "eiger-legacy",
        [*simulated_eiger.messages(2, appendix="{}")],
        lambda stream: looked_at(eiger_legacy.parse(stream)),
    ),
    "lecroy": ("lecroy", [*simulated_lecroy.messages(2, samples=5)], lecroy.parse),
    "stream2": (
        "stream2",
        [*simulated_stream2.messages(2, thresholds=2)],
        lambda stream: looked_at(stream2.parse(stream)),
    ),
    "contrast": ("contrast", [*simulated_contrast.messages(2)], contrast.parse),
    "xspress3": ("xspress3", [*simulated_xspress3.messages(2, 1)], xspress.parse),
    "xspress3 in separate messages": ("xspress3", [*simulated_xspress3.messages(2, 1, separate=True)], xspress.parse),
    "pcap": ("pcap", [*simulated_pcap.messages(4, 2)], pcap.parse),
    "positioncap": (
        "positioncap",
        [[b"".join(simulated_positioncap.arm(2))], [b"".join(simulated_positioncap.arm(1))]],
        PositioncapParser().parse,
    ),
}


@st.composite
def damage(draw: st.DrawFn, messages: Messages) -> list[list[bytes]]:
    """Draw messages of which some are changed, cut off, doubled or left out."""
    damaged = [[*message] for message in messages]
    for _ in range(draw(st.integers(1, 3))):
        message = damaged[draw(st.integers(0, len(damaged) - 1))]
        index = draw(st.integers(0, len(message) - 1))
        part = message[index]
        at = draw(st.integers(0, max(0, min(len(part) - 1, 300))))
        match draw(st.sampled_from(["change", "cut", "insert", "leave out", "double"])):
            case "change":
                message[index] = part[:at] + draw(st.binary(min_size=1, max_size=4)) + part[at + 1 :]
            case "cut":
                message[index] = part[:at]
            case "insert":
                message[index] = part[:at] + draw(st.binary(max_size=20)) + part[at:]
            case "leave out" if len(message) > 1:
                del message[index]
            case _:
                message.insert(index, part)
    return damaged


def packets_of(source: Source, message: Sequence[bytes]) -> list[Packet | Skipped]:
    """Return what a source makes of a message; that of raw TCP gets bytes, never none, and from whom they are."""
    assert isinstance(source, ZmqSource)
    parts = [b"peer", b"".join(message) or b"\n"] if source.socket_type == zmq.STREAM else [*message]
    return list(source.packets_of(parts, 0))


def opened(name: str) -> Source:
    [source] = make_sources(name, [STREAM], ["tcp://127.0.0.1:1"])
    with zmq.Context() as context:
        source.open(context)
        source.close()
    return source


@pytest.mark.parametrize("detector", DETECTORS)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_messages_are_packets_or_malformed(detector: str, data: st.DataObject) -> None:
    name, messages, parse = DETECTORS[detector]
    source = opened(name)
    for message in data.draw(damage(messages)):
        packets = list[Packet | Skipped]()
        with contextlib.suppress(MalformedFrameError):
            packets = packets_of(source, message)
        for packet in packets:
            if isinstance(packet, Packet):
                with contextlib.suppress(MalformedFrameError, AttributeError):
                    parsed = parse(packet.data)
                    _ = parsed.data, parsed.meta


@pytest.mark.parametrize("detector", DETECTORS)
def test_undamaged_messages_are_all_packets(detector: str) -> None:
    name, messages, parse = DETECTORS[detector]
    source = opened(name)
    packets = [packet for message in messages for packet in packets_of(source, message)]
    assert all(isinstance(packet, Packet) and parse(packet.data) for packet in packets)
    assert len(packets) >= 4
