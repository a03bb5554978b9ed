"""Records of Sardana keep all that the scan names, and what is none is refused with the reason."""

from __future__ import annotations

import json

import pytest

from dranspose.data.message import MalformedFrameError
from dranspose.data.sardana import SardanaDataDescription, SardanaRecordData, SardanaRecordEnd
from dranspose.event import StreamData
from dranspose.middlewares.sardana import parse

CHANNEL = "tango://b318a-ea01:10000/expchan/panda/1"


def sardana(fields: object) -> StreamData:
    return StreamData("sardana", [json.dumps(fields)])


def test_the_records_of_a_scan() -> None:
    description = parse(
        sardana(
            {
                "type": "DataDescription",
                "serialno": 7,
                "scandir": "/data",
                "title": "ascan mot01 0 1 2 0.1",
                "column_desc": [{"name": "point_nb"}],
                "ref_moveables": ["mot01"],
                "scanfile": ["a.h5"],
            }
        )
    )
    assert isinstance(description, SardanaDataDescription)
    assert (description.serialno, description.scandir, description.title) == (7, "/data", "ascan mot01 0 1 2 0.1")
    assert (description.ref_moveables, description.scanfile) == (["mot01"], ["a.h5"])
    record = parse(sardana({"type": "RecordData", "timestamp": 1.5, "point_nb": 3, "mot01": 0.25, CHANNEL: [1, 2]}))
    assert isinstance(record, SardanaRecordData)
    assert (record.timestamp, record.point_nb, record.mot01, getattr(record, CHANNEL)) == (1.5, 3, 0.25, [1, 2])
    end = parse(sardana({"type": "RecordEnd", "endtime": "now", "deadtime": 3.5}))
    assert isinstance(end, SardanaRecordEnd)
    assert end.deadtime == 3.5


def test_a_value_that_json_does_not_have() -> None:
    record = parse(StreamData("sardana", [b'{"type": "RecordData", "timestamp": 1, "ct01": NaN}']))
    assert record.ct01 != record.ct01


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (StreamData("sardana", []), "at least one frame"),
        (StreamData("STINS", [b"{}"]), "'STINS' is not sardana"),
        (StreamData("sardana", [b"{"]), "not JSON"),
        (sardana([1]), "no JSON object"),
        (sardana({"type": ["RecordData"]}), r"type = \['RecordData'\] is that of no SardanaDataDescription"),
        (sardana({"type": "RecordData"}), "lacks the field 'timestamp'"),
        (sardana({"type": "RecordData", "timestamp": "now"}), "timestamp = 'now'"),
        (sardana({"type": "DataDescription", "serialno": 1.5, "title": "", "scandir": ""}), "serialno = 1.5"),
    ],
)
def test_what_is_no_record_is_refused(stream: StreamData, reason: str) -> None:
    with pytest.raises(MalformedFrameError, match=reason):
        parse(stream)
