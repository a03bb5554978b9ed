"""A mailbox is readable while it holds something, bounded, and closed until it is opened."""

from __future__ import annotations

import select
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dranspose.sources.mailbox import Mailbox, MailboxError


@pytest.fixture
def mailbox() -> Iterator[Mailbox[int]]:
    mailbox: Mailbox[int] = Mailbox(most_items=3, most_bytes=100)
    mailbox.open()
    yield mailbox
    mailbox.close()


def is_readable(mailbox: Mailbox[int]) -> bool:
    return bool(select.select(mailbox.readable, [], [], 0)[0])


def test_it_is_readable_while_it_holds_something(mailbox: Mailbox[int]) -> None:
    assert not is_readable(mailbox)
    for _ in range(2):
        mailbox.put(1)
        mailbox.put(2)
        assert is_readable(mailbox)
        assert mailbox.take(1) == [1]
        assert is_readable(mailbox)
        assert mailbox.take(5) == [2]
        assert not is_readable(mailbox)
        assert mailbox.take(5) == []


def test_it_holds_so_many_items(mailbox: Mailbox[int]) -> None:
    for i in range(3):
        mailbox.put(i)
    with pytest.raises(MailboxError, match="3 wait already"):
        mailbox.put(3)
    assert mailbox.take(5) == [0, 1, 2]
    mailbox.put(3)


def test_it_holds_so_many_bytes(mailbox: Mailbox[int]) -> None:
    mailbox.put(1, 100)
    with pytest.raises(MailboxError, match="of 100 bytes"):
        mailbox.put(2, 1)
    mailbox.take(1)
    mailbox.put(2, 100)


def test_it_takes_nothing_while_it_is_closed_and_is_empty_afterwards(mailbox: Mailbox[int]) -> None:
    mailbox.put(1, 100)
    mailbox.close()
    assert mailbox.readable == []
    with pytest.raises(MailboxError, match="no scan takes it"):
        mailbox.put(2)
    mailbox.open()
    assert mailbox.take(5) == []
    mailbox.put(3, 100)
    assert mailbox.take(5) == [3]


def test_threads_lose_nothing() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.open()
    with ThreadPoolExecutor(4) as pool:
        pool.map(lambda first: [mailbox.put(first + i) for i in range(1000)], range(0, 4000, 1000))
        taken: list[int] = []
        while len(taken) < 4000:
            assert select.select(mailbox.readable, [], [], 20)[0]
            taken += mailbox.take(100)
    assert sorted(taken) == list(range(4000))
    mailbox.close()
