"""Keys: who has them may connect, and nobody else."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from dranspose.dataplane.controller import Controller
from dranspose.dataplane.keys import KeyedContext, KeyFolderError, Keys, make_keys, new_context, read_keys
from dranspose.dataplane.sockets import bind_locally, bound, connected, endpoint
from dranspose.dataplane.worker import Worker

PATIENCE = 30  # seconds
HANDSHAKES = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    make_keys(tmp_path / "ours")
    return read_keys(tmp_path / "ours")


@pytest.fixture
def strange(tmp_path: Path) -> Keys:
    make_keys(tmp_path / "theirs")
    return read_keys(tmp_path / "theirs")


def test_who_has_the_keys_is_heard(keys: Keys) -> None:
    context = KeyedContext(keys)
    router = bound(context, "tcp://127.0.0.1:*")
    urls = endpoint(router), bind_locally(router)
    dealers = {url: connected(context, url, url) for url in urls}
    for url, dealer in dealers.items():
        dealer.send(b"here")
        assert router.recv_multipart() == [url.encode(), b"here"]
    context.destroy(linger=0)


@pytest.mark.parametrize("has_other_keys", [False, True])
def test_who_has_not_the_keys_is_turned_away(keys: Keys, strange: Keys, *, has_other_keys: bool) -> None:
    ours, theirs = KeyedContext(keys), new_context(strange if has_other_keys else None)
    router = bound(ours, "tcp://127.0.0.1:*")
    monitor = router.get_monitor_socket(HANDSHAKES)
    stranger = connected(theirs, endpoint(router), "stranger")
    stranger.send(b"here")
    assert monitor.poll(PATIENCE * 1000)
    assert recv_monitor_message(monitor)["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED
    theirs.destroy(linger=0)
    ours.destroy(linger=0)


def test_a_copy_of_the_public_key_is_not_enough(keys: Keys, strange: Keys) -> None:
    ours = KeyedContext(keys)
    router = bound(ours, "tcp://127.0.0.1:*")
    monitor = router.get_monitor_socket(HANDSHAKES)
    with zmq.Context() as theirs, theirs.socket(zmq.DEALER) as dealer:
        dealer.curve_publickey, dealer.curve_secretkey = strange.public, strange.secret
        dealer.curve_serverkey = keys.public
        dealer.linger = 0
        dealer.connect(endpoint(router))
        assert monitor.poll(PATIENCE * 1000)
        assert recv_monitor_message(monitor)["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED
    ours.destroy(linger=0)


class Anything:
    def process_event(self, event: object) -> None:
        pass


@pytest.fixture
def controller(keys: Keys) -> Iterator[Controller]:
    made = Controller(keys=keys)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.stop()
    thread.join()


def test_nodes_with_the_keys_come_together(controller: Controller, keys: Keys) -> None:
    worker = Worker("w", controller.url, Anything, keys=keys)
    thread = threading.Thread(target=worker.run)
    thread.start()
    controller.wait_until(lambda status: len(status.workers) == 1, PATIENCE)
    worker.stop()
    thread.join()


def test_keys_are_for_their_owner_alone(keys: Keys) -> None:
    assert keys.folder.stat().st_mode & 0o777 == 0o700
    secret = keys.folder / "ensemble.key_secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    secret.chmod(0o640)
    with pytest.raises(KeyFolderError, match="can be read by others"):
        read_keys(keys.folder)


def test_keys_are_not_written_over(keys: Keys) -> None:
    with pytest.raises(FileExistsError, match="has keys already"):
        make_keys(keys.folder)
    assert read_keys(keys.folder) == keys


@pytest.mark.parametrize("content", [None, "", "metadata\n", "curve\n    public-key = 1\n"])
def test_a_folder_without_keys_is_told_of(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "ensemble.key_secret").write_text(content)
    with pytest.raises(KeyFolderError, match="dranspose keys"):
        read_keys(tmp_path)
