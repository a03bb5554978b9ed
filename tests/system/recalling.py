"""An analysis that recalls everything: the fields of each message, by event and stream, in a pickle at the end."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import zmq

from dranspose.data.lecroy import LECROY_TYPE
from dranspose.data.message import MalformedFrameError, Message
from dranspose.data.positioncap import PositionCapField
from dranspose.middlewares import (
    albaem,
    contrast,
    eiger_legacy,
    lecroy,
    pcap,
    positioncap,
    sardana,
    stream1,
    stream2,
    tango_attribute,
    xspress,
)

MODULES = (albaem, contrast, eiger_legacy, pcap, sardana, stream1, stream2, tango_attribute, xspress)
ARRAYS = ("data", "meta", "pixels")
"""What messages make of their frames at the first access."""


class RecallingWorker:
    """Returns the fields of each message, and ``class``; beside them, or alone, ``malformed`` says what is wrong."""

    def __init__(self, **kwargs):
        self.parsers = {module.TYPE: module.parse for module in MODULES}
        self.parsers |= {LECROY_TYPE: lecroy.parse, positioncap.TYPE: positioncap.PositioncapParser().parse}

    def process_event(self, event):
        return {name: self.fields(stream) for name, stream in event.streams.items()}

    def fields(self, stream):
        if stream.typ not in self.parsers:
            return {"frames": [bytes(frame) for frame in stream.frames]}
        try:
            message = self.parsers[stream.typ](stream)
        except MalformedFrameError as error:
            return {"malformed": str(error)}
        found = {"class": type(message).__name__}
        for name in ARRAYS:
            try:
                found[name] = without_frames(getattr(message, name, None))
            except MalformedFrameError as error:
                found["malformed"] = str(error)
        names = vars(message) if hasattr(message, "__dict__") else message.__slots__
        return found | without_frames({name: getattr(message, name) for name in names if name not in ARRAYS})


class RecallingReducer:
    """Writes ``events.pickle``."""

    def __init__(self, **kwargs):
        self.events = {}

    def process_result(self, result):
        self.events[result.event_number] = result.payload

    def finish(self):
        Path("events.pickle").write_bytes(pickle.dumps(self.events))


def without_frames(value):
    """Return a value without what was not parsed."""
    if isinstance(value, Mapping):
        return {key: without_frames(item) for key, item in value.items() if not isinstance(item, zmq.Frame | bytes)}
    if isinstance(value, list):
        return [without_frames(item) for item in value if not isinstance(item, zmq.Frame | bytes)]
    if isinstance(value, PositionCapField):
        return value.value
    return str(value) if isinstance(value, Message) else value
