"""A source of one's own takes few lines, and the base tells how its connections are."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from tests.core.sources.live import STREAM, Scan, publishing

from dranspose.data.message import MalformedFrameError
from dranspose.event import Frame, StreamData
from dranspose.protocol import StreamName
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.source import Source
from dranspose.sources.zmq_source import ZmqSource

TIMEOUT = 30  # seconds
SCOPE = StreamName("scope")


class Scope(ZmqSource):
    """A detector that publishes several shots in each message, separated by commas."""

    socket_type = zmq.SUB

    def begin(self) -> None:
        self.shots = 0

    def packets_of(self, parts: list[Frame], connection: int) -> Iterator[Packet]:
        if len(parts) > 1:
            raise MalformedFrameError("it has a second part")
        for shot in bytes(parts[0]).split(b",") if parts[0] else []:
            self.shots += 1
            yield Packet(self.stream, PacketKind.FRAME, self.shots, StreamData("scope", [shot]), None, connection)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


def read_until(source: Source, is_enough: Any) -> list[Packet | Skipped]:
    poller = zmq.Poller()
    for readable in source.sockets:
        poller.register(readable, zmq.POLLIN)
    read: list[Packet | Skipped] = []
    while not is_enough(read):
        ready = poller.poll(TIMEOUT * 1000)
        assert ready, read
        for readable, _ in ready:
            read += source.read(readable, 10)
    return read


def test_a_message_may_be_several_packets_or_none(context: zmq.Context[Any]) -> None:
    with context.socket(zmq.XPUB) as publisher:
        publisher.bind("inproc://scope")
        source = Scope(SCOPE, ["inproc://scope"])
        source.open(context)
        assert publisher.recv() == b"\x01"
        for message in ([b"a,b"], [b""], [b"c", b"d"], [b"e"]):
            publisher.send_multipart(message)
        a, b, skipped, e = read_until(source, lambda read: len(read) == 4)
        source.close()
    assert [(packet.number, packet.data.frames) for packet in (a, b, e)] == [(1, [b"a"]), (2, [b"b"]), (3, [b"e"])]
    assert skipped == Skipped(SCOPE, "it has a second part", b"c")
    source.open(context)  # connects as soon as somebody binds
    assert (source.skipped, source.shots) == (0, 0)
    source.close()


def test_a_source_that_fails_loses_only_that_message(context: zmq.Context[Any]) -> None:
    class Fallible(Scope):
        def packets_of(self, parts: list[Frame], connection: int) -> Iterator[Packet]:
            return super().packets_of([b"%d" % int(bytes(parts[0]))], connection)

    messages = [[b"1"], [b"one"], [b"2"]]
    with publishing(messages) as url:
        source = Fallible(SCOPE, [url])
        source.open(context)
        one, failed, two = read_until(source, lambda read: len(read) == 3)
        source.close()
    assert isinstance(failed, Skipped)
    assert failed.first_bytes == b"one"
    assert failed.reason.startswith("Fallible failed: ValueError(")
    assert [packet.number for packet in (one, two) if isinstance(packet, Packet)] == [1, 2]


def test_one_connection_unless_the_protocol_bears_several() -> None:
    with pytest.raises(ValueError, match=r"'scope': Scope takes one URL, not tcp://a:1, tcp://b:1"):
        Scope(SCOPE, ["tcp://a:1", "tcp://b:1"])


def test_the_log_tells_of_a_detector_that_comes_late_goes_and_comes_back(
    context: zmq.Context[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    source = Scope(SCOPE, [url])
    source.open(context)

    def told(text: str, times: int = 1) -> Any:
        return lambda _: sum(text in message for message in caplog.messages) == times

    read_until(source, told("nobody answers at"))
    assert source.unanswered == {url}
    for times in (1, 2):
        with zmq.Context() as of_detector, of_detector.socket(zmq.XPUB) as publisher:
            publisher.bind(url)
            assert publisher.recv() == b"\x01"
            publisher.send(b"shot")
            read_until(source, bool)
            read_until(source, told(f"connected to {url}", times))
            assert not source.unanswered
        read_until(source, told(f"lost the connection to {url}", times))
    source.close()
    assert source.shots == 2
    assert all("'scope'" in message for message in caplog.messages)


def test_the_source_in_the_documentation(project: Path) -> None:
    source, test = re.findall(
        r"^```python$(.*?)^```$", (project / "resources/docs/sources.md").read_text(), re.M | re.S
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    exec(test, namespace)
    messages = [[b"start", b""], [b"shots", b"1,2"], [b"shots"], [b"shots", b"3"], [b"end", b""]]
    with publishing(messages) as url:
        scan = Scan(namespace["ScopeSource"](STREAM, [url]), 3).run()
    assert [data.frames for _, data in sorted(scan.frames.items())] == [[b""], [b"1"], [b"2"], [b"3"], [b""]]
    assert [skipped.reason for skipped in scan.skipped] == ["it has 1 parts"]
