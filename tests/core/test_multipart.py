"""Messages of several parts: what is sent arrives, and no more of it than is asked for."""

from collections.abc import Iterator

import pytest
import zmq

from dranspose.multipart import COPIED_BELOW, arrived, send

PATIENCE = 20_000  # ms


@pytest.fixture
def pair() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    with zmq.Context() as context, context.socket(zmq.PAIR) as near, context.socket(zmq.PAIR) as far:
        for socket in (near, far):
            socket.set_hwm(0)
        near.bind("inproc://pair")
        far.connect("inproc://pair")
        yield near, far


def contents(message: list[zmq.Frame]) -> list[bytes]:
    return [part.bytes for part in message]


@pytest.mark.parametrize("size", [0, COPIED_BELOW - 1, COPIED_BELOW])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, zmq.Frame])
def test_what_is_sent_arrives(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]], size: int, kind: type[bytes] | type[zmq.Frame]
) -> None:
    near, far = pair
    content = bytes(range(256)) * (size // 256 + 1)
    send(near, [b"head", kind(content[:size]), b"tail"])
    send(near, [kind(content[:size])])
    far.poll(PATIENCE)
    assert [contents(message) for message in arrived(far)] == [[b"head", content[:size], b"tail"], [content[:size]]]


def test_no_more_is_taken_than_is_asked_for(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    near, far = pair
    for number in range(5):
        send(near, [b"%d" % number, b"more"])
    assert [contents(message)[0] for message in arrived(far, 2)] == [b"0", b"1"]
    assert [contents(message)[0] for message in arrived(far, 3)] == [b"2", b"3", b"4"]
    assert list(arrived(far, 1)) == []


def test_a_message_without_room_is_not_sent() -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as alone, pytest.raises(zmq.Again):
        send(alone, [b"head", b"tail"])


def test_a_peer_that_is_gone_is_told() -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        with pytest.raises(zmq.ZMQError) as refused:
            send(router, [b"nobody", b"there"])
        assert refused.value.errno == zmq.EHOSTUNREACH
