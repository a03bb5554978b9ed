"""The frames that the values of a Tango attribute are sent in; `dranspose.middlewares.tango_attribute` parses them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import tango

from dranspose.event import StreamData
from dranspose.middlewares.tango_attribute import TYPE
from dranspose.sources.packet import PacketKind

KINDS = {PacketKind.START: "start", PacketKind.FRAME: "value"}


def value_frames(kind: PacketKind, attribute: str, read: tango.DeviceAttribute | None) -> StreamData:
    """Return a start or a value, of which nothing may be known."""
    if read is None:
        return _data(
            {"kind": KINDS[kind], "attribute": attribute, "time": 0.0, "quality": "ATTR_INVALID", "value": None}
        )
    fields = {
        "kind": KINDS[kind],
        "attribute": attribute,
        "time": read.time.totime(),
        "quality": str(read.quality),
    }
    value = read.value
    if read.type is tango.CmdArgType.DevEncoded and value is not None:
        fields["format"], value = value[0], np.frombuffer(bytes(value[1]), np.uint8)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        native = np.ascontiguousarray(value, value.dtype.newbyteorder("="))
        return _data({**fields, "shape": list(native.shape), "type": native.dtype.name}, native.tobytes())
    return _data({**fields, "value": _plain(value)})


def end_frames(attribute: str) -> StreamData:
    """Return the end of a scan."""
    return _data({"kind": "end", "attribute": attribute})


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, tango.DevState):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def _data(fields: dict[str, Any], *blobs: bytes) -> StreamData:
    return StreamData(TYPE, [json.dumps(fields).encode(), *blobs])
