"""What it costs to take in and to parse one frame of each protocol, beside its plain decoding of the same bytes.

*source* is what an ingester does with a message that has arrived, for each frame in it; *parse* what an analysis does
with the frame; *plain* decodes as much of it with nothing but json, pickle and numpy.
"""

import itertools
import json
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cbor2
import imagecodecs
import numpy as np
import zmq

from dranspose.event import Frame, StreamData, frame_bytes
from dranspose.middlewares import albaem, contrast, eiger_legacy, lecroy, pcap, stream1, stream2, xspress
from dranspose.middlewares.positioncap import PositioncapParser
from dranspose.multipart import COPIED_BELOW
from dranspose.simulate import albaem as simulated_albaem
from dranspose.simulate import contrast as simulated_contrast
from dranspose.simulate import eiger_legacy as simulated_eiger
from dranspose.simulate import lecroy as simulated_lecroy
from dranspose.simulate import pcap as simulated_pcap
from dranspose.simulate import positioncap as simulated_positioncap
from dranspose.simulate import stins as simulated_stins
from dranspose.simulate import stream2 as simulated_stream2
from dranspose.simulate import xspress3 as simulated_xspress3
from dranspose.sources.catalogue import make_sources
from dranspose.sources.packet import Packet
from dranspose.sources.zmq_source import ZmqSource

SECONDS = 0.1  # each round at least
ROUNDS = 5


@dataclass(frozen=True)
class Protocol:
    """A protocol: messages of one series as they arrive, a parser of its frames, and what is plain decoding."""

    source: str
    messages: Callable[[], Iterable[Sequence[bytes]]]
    parse: Callable[[StreamData], Any]
    plain: Callable[[Sequence[bytes]], Any]


def stins(**options: Any) -> Iterator[list[bytes]]:
    detector = simulated_stins.StinsDetector(images=100, **options)
    return map(simulated_stins.encoder(detector), simulated_stins.plan(detector))


def xspress3() -> Iterator[list[bytes]]:
    return simulated_xspress3.messages(100)


def json_and_numpy(frames: Sequence[bytes]) -> Any:
    head = json.loads(frames[0])
    return head, np.frombuffer(frames[1], head["type"]).reshape(head["shape"])


def json_numpy_and_pickle(frames: Sequence[bytes]) -> Any:
    return json_and_numpy(frames), pickle.loads(frames[2])


def json_of_eiger(frames: Sequence[bytes]) -> Any:
    return [json.loads(frames[index]) for index in (0, 1, 3)]


def eiger_and_pixels(frames: Sequence[bytes]) -> Any:
    head, about, times = json_of_eiger(frames)
    shuffled = imagecodecs.lz4h5_decode(frames[2])
    pixels = imagecodecs.bitshuffle_decode(shuffled, itemsize=4, blocksize=2048)
    return head, times, np.frombuffer(pixels, about["type"]).reshape(about["shape"])


def traces(frames: Sequence[bytes]) -> Any:
    channels = (frames[at : at + 3] for at in range(1, len(frames) - 1, 3))
    return json.loads(frames[0]), [json_numpy_and_pickle_of_scope(channel) for channel in channels]


def json_numpy_and_pickle_of_scope(frames: Sequence[bytes]) -> Any:
    head = json.loads(frames[0])
    return np.frombuffer(frames[1], head["dtype"]).reshape(head["shape"]), pickle.loads(frames[2])


def parse_line(stream: StreamData, parser: PositioncapParser = PositioncapParser()) -> Any:  # noqa: B008 - a stream's
    return parser.parse(stream)


PROTOCOLS = {
    "STINS, 32 x 32": Protocol("stins", stins, stream1.parse, json_and_numpy),
    "STINS, 512 x 512": Protocol("stins", lambda: stins(shape=(512, 512)), stream1.parse, json_and_numpy),
    "Contrast": Protocol(
        "contrast", lambda: simulated_contrast.messages(100), contrast.parse, lambda frames: pickle.loads(frames[0])
    ),
    "Xspress3, 4 x 4096": Protocol("xspress3", xspress3, xspress.parse, json_and_numpy),
    "Xspress3 and counters": Protocol(
        "xspress3", xspress3, lambda stream: getattr(xspress.parse(stream), "meta", None), json_numpy_and_pickle
    ),
    "Eiger, 512 x 512": Protocol(
        "eiger-legacy", lambda: simulated_eiger.messages(100, (512, 512)), eiger_legacy.parse, json_of_eiger
    ),
    "Eiger and its pixels": Protocol(
        "eiger-legacy",
        lambda: simulated_eiger.messages(100, (512, 512)),
        lambda stream: getattr(eiger_legacy.parse(stream), "pixels", None),
        eiger_and_pixels,
    ),
    "Stream 2, 32 x 32": Protocol(
        "stream2",
        lambda: simulated_stream2.messages(100, compression="none"),
        stream2.parse,
        lambda frames: cbor2.loads(frames[0]),
    ),
    "Stream 2, 512 x 512": Protocol(
        "stream2",
        lambda: simulated_stream2.messages(100, (512, 512), compression="none"),
        stream2.parse,
        lambda frames: cbor2.loads(frames[0]),
    ),
    "LeCroy, 2 x 1000": Protocol("lecroy", lambda: simulated_lecroy.messages(100), lecroy.parse, traces),
    "AlbaEM": Protocol(
        "albaem", lambda: simulated_albaem.messages(100), albaem.parse, lambda frames: json.loads(frames[0])
    ),
    "PCAP over ZMQ": Protocol(
        "pcap", lambda: simulated_pcap.messages(1500), pcap.parse, lambda frames: json.loads(frames[0])
    ),
    "PCAP over TCP": Protocol(
        "positioncap",
        lambda: ([b"peer", b"".join(lines)] for lines in batched(simulated_positioncap.arm(5000), 300)),
        parse_line,
        lambda frames: list(map(float, frames[0].split())),
    ),
}


def batched(lines: Iterable[bytes], count: int) -> Iterator[list[bytes]]:
    iterator = iter(lines)
    while batch := list(itertools.islice(iterator, count)):
        yield batch


def microseconds(call: Callable[[], int]) -> float:
    """Return the CPU time of a call for each of what it says that it did, the least of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        done, begin = 0, time.process_time()
        while (seconds := time.process_time() - begin) < SECONDS:
            done += call()
        rounds.append(1e6 * seconds / done)
    return min(rounds)


def as_received(part: bytes) -> Frame:
    return part if len(part) < COPIED_BELOW else zmq.Frame(part)


def measure(protocol: Protocol) -> tuple[float, float, float]:
    """Return microseconds per frame in the source, in the parser, and of plain decoding."""
    [source] = make_sources(protocol.source, ["detector"], ["tcp://127.0.0.1:1"])
    assert isinstance(source, ZmqSource)
    messages = [[as_received(part) for part in message] for message in protocol.messages()]

    def take_in() -> list[Packet]:
        source.begin()
        return [packet for message in messages for packet in source.packets_of([*message], 0)]  # type: ignore[misc]

    packets = take_in()
    frames = [packet.data for packet in packets[1:-1]]
    protocol.parse(packets[0].data)

    def parse() -> int:
        for frame in frames:
            protocol.parse(frame)
        return len(frames)

    parts = [[frame_bytes(part) for part in frame.frames] for frame in frames]

    def plain() -> int:
        for message in parts:
            protocol.plain(message)
        return len(frames)

    return microseconds(lambda: len(take_in())), microseconds(parse), microseconds(plain)


def main() -> None:
    print(f"CPU time for one frame in µs, the least of {ROUNDS} rounds")
    print(f"{'':24}{'source':>10}{'parse':>10}{'plain':>10}{'parse / plain':>16}")
    for name, protocol in PROTOCOLS.items():
        source, parse, plain = measure(protocol)
        print(f"{name:24}{source:10.1f}{parse:10.1f}{plain:10.1f}{parse / plain:16.1f}", flush=True)


if __name__ == "__main__":
    main()
