"""Where nodes connect to."""

import zmq

from dranspose.dataplane.sockets import bind_locally, bound, connected, endpoint, nearest


def test_a_peer_on_this_machine_is_connected_to_locally() -> None:
    with zmq.Context() as context, bound(context, "tcp://127.0.0.1:*") as router:
        urls = endpoint(router), bind_locally(router)
        assert nearest(urls) == urls[1]
        for url in urls:
            with connected(context, url, url) as dealer:
                dealer.send(b"here")
                assert router.recv_multipart() == [url.encode(), b"here"]
                dealer.get_monitor_socket().close()


def test_a_peer_elsewhere_is_connected_to_over_the_network() -> None:
    elsewhere = "tcp://10.0.0.1:5000", "ipc://@dranspose/another-machine/4026531840/1234"
    assert nearest(elsewhere) == elsewhere[0]
