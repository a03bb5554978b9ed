"""A loop that polls is woken from another thread."""

import threading

import zmq

from dranspose.dataplane.wakeup import Wakeup


def test_another_thread_ends_a_poll() -> None:
    wakeup = Wakeup()
    poller = zmq.Poller()
    poller.register(wakeup, zmq.POLLIN)
    assert poller.poll(0) == []
    thread = threading.Thread(target=wakeup.wake)
    thread.start()
    assert poller.poll(30_000)
    thread.join()
    wakeup.clear()
    assert poller.poll(0) == []
    wakeup.clear()
    wakeup.close()


def test_to_wake_what_is_closed_does_nothing() -> None:
    wakeup = Wakeup()
    wakeup.close()
    wakeup.wake()
