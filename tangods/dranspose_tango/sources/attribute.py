"""Tango attributes as sources: a frame for each change event, or one whenever a frame of another stream comes."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import tango
import zmq
from tango.utils import PyTangoThread

from dranspose.event import StreamData
from dranspose.protocol import StreamName
from dranspose.sources.mailbox import Mailbox, MailboxError
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.skips import Skips
from dranspose_tango.sources.attribute_frames import end_frames, value_frames

logger = logging.getLogger(__name__)

RETRY_INTERVAL = 1.0  # seconds between two attempts to subscribe, or to read what could not be read
SUBSCRIBED_WITHIN = 2.0  # seconds that a scan waits for a device before it begins without it
SETTLED_AFTER = 0.2  # seconds; Tango may lose events right after it has subscribed
MOST_TRIGGERS = 1000
"""So many frames that were asked for may wait to be read; those after them get no value."""

TOO_MANY = "too many others were to be read before it"

MISSED_EVENTS = "API_MissedEvents"
LAST_NUMBER = 2**62

Letter: TypeAlias = Packet | str
"""A packet, or why there is none."""


class AttributeSource(ABC):
    """An attribute of a Tango device as a stream; a thread that no node waits for speaks Tango.

    Args:
        stream: the name that the stream has in trigger maps.
        attribute: ``DOMAIN/FAMILY/MEMBER/ATTRIBUTE``, or ``tango://HOST:PORT/`` and that.

    Attributes:
        name: of the attribute in its device.
    """

    connections = 1
    several_series = False
    unanswered = ()

    def __init__(self, stream: StreamName, attribute: str) -> None:
        name, self._number_sign, self._options = attribute.partition("#")
        self._device, _, self.name = name.rpartition("/")
        if self._device.count("/") < 2:
            raise ValueError(f"stream {stream!r}: {attribute!r} is not DOMAIN/FAMILY/MEMBER/ATTRIBUTE")
        self.stream = stream
        self.streams = (stream,)
        self.attribute = attribute
        self._skips = Skips(stream, attribute)
        self._mailbox: Mailbox[Letter] = Mailbox()
        self._lost = self._lost_and_told = 0

    @property
    def sockets(self) -> list[socket.socket]:
        """What to poll; see `Source.sockets`."""
        return self._mailbox.readable

    @property
    def skipped(self) -> int:
        """How many values could not be had since the source was opened."""
        return self._skips.count

    def open(self, context: zmq.Context[Any]) -> None:
        """Begin; see `Source.open`."""
        self._skips = Skips(self.stream, self.attribute)
        self._mailbox = Mailbox()
        self._mailbox.open()
        self._lost = self._lost_and_told = 0
        self.begin()

    def close(self) -> None:
        """End, without waiting for what the thread is waiting for; see `Source.close`."""
        self._mailbox.close()
        self.end()

    @abstractmethod
    def begin(self) -> None:
        """Start the thread."""

    @abstractmethod
    def end(self) -> None:
        """Let the thread end."""

    def read(self, readable: socket.socket, limit: int) -> list[Packet | Skipped]:
        """Return what has come; see `Source.read`."""
        letters: list[Letter] = self._mailbox.take(limit)
        if lost := self._lost - self._lost_and_told:
            self._lost_and_told += lost
            letters += ["there was no room for it"] * lost
        return [self._skips.skip(letter, b"") if isinstance(letter, str) else letter for letter in letters]

    def proxy(self) -> tango.DeviceProxy:
        """Return the device; raises tango.DevFailed."""
        return tango.DeviceProxy(self._device + self._number_sign + self._options)

    def deliver(self, mailbox: Mailbox[Letter], letter: Letter) -> None:
        """Put into the mailbox of a scan what has come."""
        size = 0 if isinstance(letter, str) else sum(map(len, letter.data.frames))
        try:
            mailbox.put(letter, size)
        except MailboxError:
            self._lost += mailbox is self._mailbox

    def packet(self, kind: PacketKind, number: int, data: StreamData) -> Packet:
        """Return a packet of the stream."""
        return Packet(self.stream, kind, number, data)


class ChangeEventSource(AttributeSource):
    """An attribute of which each change event is a frame; the start packet has the value that it had before.

    As nobody knows beforehand how often it changes, the series ends with the last frame in the trigger map.
    """

    connections = 2  # the end comes over one, and waits for the values, which come over the other

    def __init__(self, stream: StreamName, urls: Sequence[str]) -> None:
        if len(urls) != 1:
            raise ValueError(f"stream {stream!r}: it is one attribute, not {', '.join(urls) or 'none'}")
        super().__init__(stream, urls[0])

    def begin(self) -> None:
        """Subscribe, with a little patience, so that no change is missed that follows the beginning of the scan."""
        self._over = threading.Event()
        subscribed = threading.Event()
        letters = _Changes(self, self._mailbox)
        PyTangoThread(
            target=self._subscribe, args=(letters, self._over, subscribed), name=f"{self.stream} changes", daemon=True
        ).start()
        subscribed.wait(SUBSCRIBED_WITHIN)

    def end(self) -> None:
        """Let the subscription end."""
        self._over.set()

    def _subscribe(self, changes: _Changes, over: threading.Event, subscribed: threading.Event) -> None:
        told = False
        while not over.is_set():
            try:
                proxy = self.proxy()
                subscription = proxy.subscribe_event(self.name, tango.EventType.CHANGE_EVENT, changes)
            except tango.DevFailed as error:
                if not told:
                    logger.warning(
                        "stream %r: cannot subscribe to %s, trying again until it is there: %s",
                        self.stream, self.attribute, error.args[0].desc.strip(),
                    )  # fmt: skip
                told = True
                over.wait(RETRY_INTERVAL)
                continue
            logger.info("stream %r: subscribed to %s", self.stream, self.attribute)
            over.wait(SETTLED_AFTER)
            subscribed.set()
            over.wait()
            proxy.unsubscribe_event(subscription)


class _Changes:
    """Takes the change events of one scan."""

    def __init__(self, source: ChangeEventSource, mailbox: Mailbox[Letter]) -> None:
        self._source = source
        self._mailbox = mailbox
        self._number = 0
        self._is_away = False

    def __call__(self, event: tango.EventData) -> None:
        source = self._source
        if event.err and event.errors[0].reason == MISSED_EVENTS:
            source.deliver(self._mailbox, "Tango lost changes before this one")
            return
        if event.err:
            if not self._is_away:
                logger.warning(
                    "stream %r: %s is away, waiting for it: %s",
                    source.stream, source.attribute, event.errors[0].desc.strip(),
                )  # fmt: skip
            self._is_away = True
            return
        if self._is_away:
            logger.info("stream %r: %s is there again", source.stream, source.attribute)
            self._is_away = False
        kind = PacketKind.FRAME if self._number else PacketKind.START
        if kind is PacketKind.FRAME and event.event_reason is not tango.EventReason.Update:
            return  # it tells the value of an attribute that is there again
        data = value_frames(kind, source.attribute, event.attr_value)
        source.deliver(self._mailbox, source.packet(kind, self._number, data))
        if kind is PacketKind.START:
            end = source.packet(PacketKind.END, LAST_NUMBER, end_frames(source.attribute))
            source.deliver(self._mailbox, end._replace(connection=1))
        self._number += 1


class ReadAlongSource(AttributeSource):
    """An attribute that is read whenever a frame of another stream has come for an event in which it has one too.

    Each trigger gives a packet. It has no value where the attribute cannot be read, which is counted.

    Args:
        stream: the name that the stream has in trigger maps.
        attribute: as of `AttributeSource`.
        triggered_by: the other stream.
    """

    def __init__(self, stream: StreamName, attribute: str, triggered_by: StreamName) -> None:
        super().__init__(stream, attribute)
        self.triggered_by = triggered_by

    def begin(self) -> None:
        """Wait for triggers."""
        self._triggers: queue.SimpleQueue[_Trigger | None] = queue.SimpleQueue()
        PyTangoThread(
            target=self._answer, args=(self._triggers, self._mailbox), name=f"{self.stream} reads", daemon=True
        ).start()

    def end(self) -> None:
        """Wait for no more triggers."""
        self._triggers.put(None)

    def trigger(self, kind: PacketKind, number: int) -> None:
        """Have the attribute read after what was asked for before; see `TriggeredSource.trigger`."""
        self._triggers.put(_Trigger(kind, number, is_late=self._triggers.qsize() >= MOST_TRIGGERS))

    def _answer(self, triggers: queue.SimpleQueue[_Trigger | None], mailbox: Mailbox[Letter]) -> None:
        reader = _Reader(self)
        while mailbox.readable and (trigger := triggers.get()):
            if trigger.kind is PacketKind.END:
                data = end_frames(self.attribute)
            else:
                value, problem = (None, TOO_MANY) if trigger.is_late else reader.read()
                if problem:
                    self.deliver(mailbox, problem)
                data = value_frames(trigger.kind, self.attribute, value)
            self.deliver(mailbox, self.packet(trigger.kind, trigger.number, data))


class _Trigger(NamedTuple):
    kind: PacketKind
    number: int
    is_late: bool


class _Reader:
    """Reads an attribute; after a failure, which may have taken seconds, it fails for a while without trying."""

    def __init__(self, source: ReadAlongSource) -> None:
        self._source = source
        self._proxy: tango.DeviceProxy | None = None
        self._problem = ""
        self._next_try = 0.0

    def read(self) -> tuple[tango.DeviceAttribute | None, str]:
        """Return the value and no problem, or none and why."""
        if time.monotonic() < self._next_try:
            return None, self._problem
        try:
            self._proxy = self._proxy or self._source.proxy()
            return self._proxy.read_attribute(self._source.name), ""
        except tango.DevFailed as error:
            self._problem = f"it cannot be read: {error.args[0].desc.strip():.200}"
            self._next_try = time.monotonic() + RETRY_INTERVAL
            return None, self._problem
