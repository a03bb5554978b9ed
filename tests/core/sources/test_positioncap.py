"""The arms of a PandABox arrive over TCP, however their bytes are cut and their connections break."""

from __future__ import annotations

import itertools
import logging
import queue
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
import zmq
from tests.core.sources.live import STREAM, TIMEOUT, Scan, running

from dranspose.data.positioncap import PositionCapEnd, PositionCapStart, PositionCapValues
from dranspose.middlewares.positioncap import PositioncapParser
from dranspose.simulate.positioncap import arm, serve
from dranspose.sources import positioncap, zmq_source
from dranspose.sources.matching import MatchCounts, Phase
from dranspose.sources.packet import Packet, Skipped
from dranspose.sources.positioncap import PositioncapSource

TCP_REPAIR = 19
"""An option of Linux's: the other side is told nothing when the socket is closed."""

KINDS = {PositionCapStart: "h", PositionCapValues: "v", PositionCapEnd: "e"}


def serving(*texts: bytes, port: int = 0, **options: Any) -> Any:
    return running(lambda stop, bound: serve(texts, ("127.0.0.1", port), stop, bound=bound, **options))


def summary(scan: Scan) -> dict[int, tuple[str, int | None]]:
    """Return for each event the kind of message, and which trigger of its arm it is."""
    parser = PositioncapParser()
    return {
        event: (
            KINDS[type(message)],
            message.fields["COUNTER1.OUT.Value"].value if isinstance(message, PositionCapValues) else None,
        )
        for event, message in scan.parsed(parser.parse).items()
    }


def expected(*arms: int) -> dict[int, tuple[str, int | None]]:
    return dict(
        enumerate(
            itertools.chain.from_iterable([("h", None), *[("v", i) for i in range(n)], ("e", None)] for n in arms)
        )
    )


@pytest.mark.parametrize("triggers", [0, 1, 5000])
def test_one_arm(triggers: int) -> None:
    with serving(*arm(triggers)) as url:
        scan = Scan(PositioncapSource(STREAM, [url]), triggers).run()
    assert summary(scan) == expected(triggers)
    assert scan.matcher.counts == MatchCounts(delivered=triggers + 2)


def test_several_arms_in_one_scan() -> None:
    with serving(*arm(3), *arm(2), *arm(4)) as url:
        scan = Scan(PositioncapSource(STREAM, [url]), 13).run()
    assert summary(scan) == expected(3, 2, 4)


def test_a_connection_lost_between_two_arms() -> None:
    with serving(*arm(3), *arm(2), disconnect_before=[5]) as url:
        scan = Scan(PositioncapSource(STREAM, [url]), 7).run()
    assert summary(scan) == expected(3, 2)


def test_after_a_connection_lost_within_an_arm_nothing_is_taken_for_what_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(*arm(3), *arm(2), disconnect_before=[3]) as url:
        scan = Scan(PositioncapSource(STREAM, [url]), 7).run(until=lambda scan: len(scan.skipped) >= 2)
    assert summary(scan) == {event: what for event, what in expected(3).items() if event < 3}
    assert "lost within an arm" in scan.skipped[0].reason
    assert any("'detector'" in message and "lost within an arm" in message for message in caplog.messages)


def test_a_pandabox_that_is_switched_on_late(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    with ExitStack() as switched_on:

        def until(scan: Scan) -> bool:
            if any(f"nobody answers at {url}" in message for message in caplog.messages) and not url_served:
                url_served.append(switched_on.enter_context(serving(*arm(2), port=port)))
            return scan.matcher.phase is Phase.OVER

        url_served: list[str] = []
        scan = Scan(PositioncapSource(STREAM, [url]), 2).run(until)
    assert summary(scan) == expected(2)
    assert f"stream 'detector': connected to {url}" in caplog.messages


def test_a_simulated_pandabox_ends_when_its_client_goes() -> None:
    urls: queue.Queue[str] = queue.Queue()
    with ThreadPoolExecutor() as pool:
        endless = itertools.repeat(b" 0.1 1 1\n")
        served = pool.submit(serve, endless, ("127.0.0.1", 0), threading.Event(), bound=urls.put)
        port = urlsplit(urls.get(timeout=TIMEOUT)).port
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as client:
            client.sendall(b"\n")
            assert client.recv(3) == b"OK\n"
        assert served.result(TIMEOUT) > 0


def test_what_is_left_of_the_arm_before_is_dropped() -> None:
    with serving(b" 0.1 1 1\n", b" 0.2 2 2\n", b"END 2 Ok\n", *arm(1)) as url:
        scan = Scan(PositioncapSource(STREAM, [url]), 1).run()
    assert summary(scan) == expected(1)
    assert scan.matcher.counts == MatchCounts(delivered=3, before_start=3)


def source() -> PositioncapSource:
    """Return a source that was told of a connection; what it asks for goes nowhere."""
    source = PositioncapSource(STREAM, ["tcp://127.0.0.1:1"])
    with zmq.Context() as context:
        source.open(context)
        list(source.packets_of([b"peer", b""], 0))
        source.close()
    return source


def taken(source: PositioncapSource, *chunks: bytes) -> list[Packet | Skipped]:
    return [packet for chunk in chunks for packet in source.packets_of([b"peer", chunk], 0)]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_bytes_may_be_cut_anywhere(size: int) -> None:
    text = b"OK\n" + b"".join(arm(5)) + b"".join(arm(2))
    whole = taken(source(), text)
    assert [packet.kind.value for packet in whole if isinstance(packet, Packet)] == [
        "start", *["frame"] * 5, "end", "start", *["frame"] * 2, "end",
    ]  # fmt: skip
    assert taken(source(), *(text[i : i + size] for i in range(0, len(text), size))) == whole


def test_a_line_that_is_none_takes_the_place_of_a_trigger() -> None:
    text = b"".join(arm(3)).replace(b" 0.001 -0.5 1\n", b"\xff\xfe 0.001\n")
    header, first, skipped, third, end = taken(source(), text)
    assert skipped == Skipped(STREAM, "it is no line of a PandABox", b"\xff\xfe 0.001")
    assert [packet.number for packet in (header, first, third, end)] == [1, 2, 4, 5]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("endless", "limit"),
    [(b"x" * 1000, "MAX_LINE_BYTES"), (b" 1 2 3" * 100, "MAX_LINE_BYTES"), (b"a: b\n" * 100, "MAX_HEADER_LINES")],
)
def test_what_never_ends_is_not_kept(endless: bytes, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positioncap, limit, 10)
    of_source = source()
    _start, skipped = taken(of_source, next(arm(0)), endless)
    assert isinstance(skipped, Skipped)
    assert "no PandABox sends such long lines and headers" in skipped.reason
    assert taken(of_source, *arm(1)) == [Skipped(STREAM, "what came before it was lost", text[:32]) for text in arm(1)]


@pytest.mark.parametrize(("reason", "warnings"), [("Ok", 0), ("Disarmed", 0), ("Data overrun", 1)])
def test_an_arm_that_lost_triggers_is_told(reason: str, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    *_, end = taken(source(), *list(arm(1))[:-1], f"END 1 {reason}\n".encode())
    assert isinstance(end, Packet)
    assert end.kind.value == "end"
    assert sum(f"did not end well: END 1 {reason}" in message for message in caplog.messages) == warnings


def test_a_server_that_refuses_is_quoted(caplog: pytest.LogCaptureFixture) -> None:
    [skipped] = taken(source(), b"ERR No such option\n")
    assert (skipped.first_bytes, skipped.reason) == (b"ERR No such option", "it is no line of a PandABox")  # type: ignore[union-attr]


def test_a_host_that_is_gone_without_a_word_is_noticed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for option in (zmq.TCP_KEEPALIVE_IDLE, zmq.TCP_KEEPALIVE_INTVL):
        monkeypatch.setitem(zmq_source.OPTIONS, option, 1)
    with socket.create_server(("127.0.0.1", 0)) as server, zmq.Context() as context:
        server.settimeout(TIMEOUT)
        of_source = PositioncapSource(STREAM, [f"tcp://127.0.0.1:{server.getsockname()[1]}"])
        of_source.open(context)
        client, _ = server.accept()
        try:
            client.setsockopt(socket.SOL_TCP, TCP_REPAIR, 1)
        except PermissionError:
            of_source.close()
            client.close()
            pytest.skip("to close a TCP connection without a word needs CAP_NET_ADMIN")
        client.close()
        again, _ = server.accept()
        again.close()
        while not any("lost the connection" in message for message in caplog.messages):
            for readable in of_source.sockets:
                if readable.poll(100):
                    of_source.read(readable, 10)
        of_source.close()


def test_it_asks_for_data_as_soon_as_it_is_connected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, zmq.Context() as context:
        of_source = PositioncapSource(STREAM, [f"tcp://127.0.0.1:{server.getsockname()[1]}"])
        of_source.open(context)
        readable, _monitor = of_source.sockets
        client, _ = server.accept()
        with client:
            client.settimeout(TIMEOUT)
            assert readable.poll(TIMEOUT * 1000)
            assert of_source.read(readable, 10) == []
            assert client.recv(10) == b"\n"
        of_source.close()
