"""A STINS detector: series of images that can be told apart, sent in time, with faults on request."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import orjson

from dranspose.simulate.images import PERIOD, bslz4, pattern
from dranspose.simulate.outlet import Outlet

Compression = Literal["none", "bslz4"]
Content = Callable[[int], npt.NDArray[np.generic]]

PREPARED_BYTES = 2**28
NONSENSE = b"\x00 this is not STINS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong in each series; images are given by their index in it, from 0.

    Attributes:
        drop: images that are not sent.
        duplicate: images that are sent twice.
        swap: images that are sent after the next one.
        malformed: images in the place of which something is sent that is not STINS.
        end_after: the number of images after which the series ends, None for all.
        extra: how many images more than they should be.
        no_end: whether the end packet is not sent.
        leftovers: how many images of an earlier series, and its end packet, are sent before the start packet.
    """

    drop: frozenset[int] = frozenset()
    duplicate: frozenset[int] = frozenset()
    swap: frozenset[int] = frozenset()
    malformed: frozenset[int] = frozenset()
    end_after: int | None = None
    extra: int = 0
    no_end: bool = False
    leftovers: int = 0


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True, kw_only=True)
class StinsDetector:
    """What a detector sends.

    Attributes:
        images: how many there are in a series.
        shape: of an image.
        dtype: of its pixels: integers or floats, as numpy names them.
        compression: ``none`` or ``bslz4``.
        rate: images per second; 0 for as fast as they are taken.
        series: how many.
        pause: seconds between two series.
        filename: what the start packets say.
        first_msg_number: the number of the first message; the others are counted on from it, over all series.
        first_frame: the number of the first image of each series.
        content: gives the image of an index, in place of a `pattern` of the shape and dtype.
        faults: what goes wrong.
    """

    images: int
    shape: tuple[int, ...] = (32, 32)
    dtype: str = "uint16"
    compression: Compression = "none"
    rate: float = 0.0
    series: int = 1
    pause: float = 0.0
    filename: str = ""
    first_msg_number: int = 0
    first_frame: int = 0
    content: Content | None = None
    faults: Faults = NO_FAULTS

    def __post_init__(self) -> None:
        if self.compression not in get_args(Compression):
            raise ValueError(f"compression is one of {', '.join(get_args(Compression))}, not {self.compression!r}")
        if not self.shape or min(self.shape) < 1:
            raise ValueError(f"the lengths of an image are 1 or more, not {self.shape}")
        if np.dtype(self.dtype).kind not in "iuf":
            raise ValueError(f"pixels are integers or floats, not {self.dtype}")
        for name in ("images", "rate", "series", "pause", "first_msg_number", "first_frame"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is 0 or more, not {getattr(self, name)}")


class Step(NamedTuple):
    """One message to send: when, in images since the start of its series, and what."""

    series: int
    slot: int
    htype: Literal["header", "image", "series_end"] | None
    """None for nonsense."""
    msg_number: int
    image: int = 0


def plan(detector: StinsDetector) -> Iterator[Step]:
    """Yield the messages of all series, in order."""
    faults = detector.faults
    images = detector.images + faults.extra if faults.end_after is None else faults.end_after
    number = detector.first_msg_number
    for series in range(detector.series):
        if faults.leftovers:
            for image in range(detector.images, detector.images + faults.leftovers):
                yield Step(series, 0, "image", number, image)
                number += 1
            yield Step(series, 0, "series_end", number)
            number += 1
        yield Step(series, 0, "header", number)
        number += 1
        for slot, image in enumerate(_swapped(images, faults.swap)):
            if image not in faults.drop:
                step = Step(series, slot, None if image in faults.malformed else "image", number + image, image)
                yield step
                if image in faults.duplicate:
                    yield step
        number += images
        if not faults.no_end:
            yield Step(series, images, "series_end", number)
        number += 1


def _swapped(images: int, swap: frozenset[int]) -> Iterator[int]:
    image = 0
    while image < images:
        if image in swap and image + 1 < images:
            yield image + 1
            yield image
            image += 2
        else:
            yield image
            image += 1


def pixels(detector: StinsDetector, image: int) -> npt.NDArray[np.generic]:
    """Return the image of an index; patterns too large to prepare 127 of them begin again earlier."""
    if detector.content is not None:
        return detector.content(image)
    return pattern(detector.shape, detector.dtype, image % _different(detector))


def _different(detector: StinsDetector) -> int:
    """Return how many different images there are."""
    if detector.content is not None:
        return max(1, detector.images + detector.faults.extra + detector.faults.leftovers)
    image_bytes = int(np.prod(detector.shape)) * np.dtype(detector.dtype).itemsize
    return max(1, min(PERIOD, PREPARED_BYTES // image_bytes))


def encoder(detector: StinsDetector) -> Callable[[Step], list[bytes]]:
    """Return what makes the parts of each message."""
    different = _different(detector)

    @functools.cache
    def prepared(image: int) -> tuple[tuple[int, ...], str, bytes]:
        content = pixels(detector, image)
        blob = bslz4(content) if detector.compression == "bslz4" else content.tobytes()
        return content.shape, content.dtype.name, blob

    for image in range(min(different, detector.images)):
        prepared(image)  # which takes longer than there is time for between two images

    def encoded(step: Step) -> list[bytes]:
        head: dict[str, Any] = {"htype": step.htype, "msg_number": step.msg_number}
        match step.htype:
            case None:
                return [NONSENSE]
            case "header":
                head["filename"] = detector.filename
            case "image":
                shape, dtype, blob = prepared(step.image % different)
                head |= {
                    "frame": detector.first_frame + step.image,
                    "shape": shape,
                    "type": dtype,
                    "compression": detector.compression,
                }
                return [orjson.dumps(head), blob]
        return [orjson.dumps(head)]

    return encoded


def stamped(image: list[bytes]) -> list[bytes]:
    """Return a message with an image that tells in ``sent`` when that is: now, as of `time.time`."""
    head, *blobs = image
    return [b'%b,"sent":%r}' % (head[:-1], time.time()), *blobs]


def simulate(
    detector: StinsDetector, url: str, stop: threading.Event, bound: Callable[[str], None] = lambda url: None
) -> int:
    """Bind, wait for a receiver, and send all that a detector sends; return how many messages that were.

    Each image is `stamped`.

    Args:
        detector: what to send.
        url: where to bind, such as ``tcp://*:9999``.
        stop: ends it early.
        bound: is called with the URL once a receiver can connect to it.

    Raises:
        zmq.ZMQError: the URL cannot be bound.
    """
    encode = encoder(detector)
    with Outlet(url, stop) as outlet:
        bound(outlet.url)
        if not outlet.wait_for_peer():
            return 0
        series, begin = 0, time.monotonic()
        sent = 0
        for step in plan(detector):
            if step.series > series:
                series, begin = step.series, time.monotonic() + detector.pause
            due = begin + (step.slot / detector.rate if detector.rate else 0)
            message = encode(step)
            if not outlet.wait_until(due):
                break
            if not outlet.send(stamped(message) if step.htype == "image" else message):
                break
            sent += 1
    return sent
