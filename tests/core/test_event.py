"""Events and results look as the tutorial prints them, and frames come in the forms that sources give them in."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import zmq

from dranspose.event import (
    EventData,
    InternalWorkerMessage,
    JoinError,
    ResultData,
    StreamData,
    frame_buffer,
    frame_bytes,
    join,
)

HEADER = b'{"htype": "header", "filename": "", "msg_number": 0}'
HASH = "688787d8ff144c502c7f5cffaafe2cc588d86079f9de88304c26b0cb99ce91c6"


def message(number: int, **streams: bytes) -> InternalWorkerMessage:
    return InternalWorkerMessage(number, {name: StreamData("STINS", [frame]) for name, frame in streams.items()})


def test_an_event_prints_as_in_the_tutorial():
    event = EventData(0, {"xrd": StreamData("STINS", [HEADER])})
    assert str(event) == (
        "event_number=0 streams={'xrd': StreamData(typ='STINS', "
        'frames=[b\'{"htype": "header", "filename": "", "msg_number": 0}\'], length=1)}'
    )


def test_an_event_with_an_image_prints_all_its_frames():
    event = EventData(1, {"xrd": StreamData("STINS", [b"{}", b"\x05\x00\x12\x00\r\x00"])})
    assert str(event) == (
        r"event_number=1 streams={'xrd': StreamData(typ='STINS', frames=[b'{}', b'\x05\x00\x12\x00\r\x00'], length=2)}"
    )


@pytest.mark.parametrize("payload", [9.5, np.float64(9.5), np.float32(9.5)])
def test_a_result_prints_as_in_the_tutorial(payload):
    result = ResultData(1, "development0", HASH, payload)
    assert str(result) == f"event_number=1 worker='development0' parameters_hash='{HASH}' payload=9.5"


def test_numpy_scalars_inside_a_payload_print_as_numbers():
    result = ResultData(1, "w", "h", {"intensity": np.float64(9.25), "pixels": np.int64(4)})
    assert str(result).endswith("payload={'intensity': 9.25, 'pixels': 4}")


def test_printing_leaves_the_print_options_of_the_user_alone():
    before = np.get_printoptions()
    str(ResultData(1, "w", "h", np.float64(9.25)))
    assert np.get_printoptions() == before


def test_frames_are_bytes():
    stream = StreamData("STINS", [HEADER, b""])
    assert stream.frames == [HEADER, b""]
    assert stream.length == 2


def test_text_is_encoded():
    assert StreamData("STINS", ['{"name": "µ"}', b"1"]).frames == [b'{"name": "\xc2\xb5"}', b"1"]


def test_a_zmq_frame_stays_one():
    frame = zmq.Frame(b"123")
    stream = StreamData("STINS", [b"{}", frame])
    assert stream.frames[1] is frame
    assert repr(stream) == "StreamData(typ='STINS', frames=[b'{}', b'123'], length=2)"


@pytest.mark.parametrize(
    ("frame", "kind"),
    [(memoryview(b"1"), "memoryview"), (bytearray(b"1"), "bytearray"), (1, "int"), (None, "NoneType")],
)
def test_other_frames_are_refused(frame, kind):
    with pytest.raises(TypeError, match=f"a frame is bytes, str or zmq.Frame, not {kind}"):
        StreamData("STINS", [b"{}", frame])


def test_the_content_of_frames_of_both_kinds():
    assert frame_bytes(b"12") == frame_bytes(zmq.Frame(b"12")) == b"12"
    assert frame_buffer(b"12") == frame_buffer(zmq.Frame(b"12")) == b"12"


def test_events_and_results_pass_through_pickle():
    event = EventData(3, {"xrd": StreamData("STINS", [HEADER])})
    result = ResultData(3, "w", "h", {"a": 1})
    assert pickle.loads(pickle.dumps(event)) == event
    assert pickle.loads(pickle.dumps(result)) == result


def test_the_messages_of_several_ingesters_make_one_event():
    parts = [message(4, xrd=b"1"), message(4, pcap=b"2", sardana=b"3")]
    event = join(parts[0], parts[1:])
    assert event.event_number == 4
    assert {name: stream.frames for name, stream in event.streams.items()} == {
        "xrd": [b"1"],
        "pcap": [b"2"],
        "sardana": [b"3"],
    }
    assert set(parts[0].streams) == {"xrd"}


def test_messages_of_different_events_are_not_joined():
    with pytest.raises(JoinError, match="events 4 and 5"):
        join(message(4, xrd=b"1"), [message(5, pcap=b"2")])


def test_a_stream_that_comes_twice_is_not_lost():
    with pytest.raises(JoinError, match="event 4: stream 'xrd' comes from two inputs"):
        join(message(4, xrd=b"1"), [message(4, xrd=b"2")])
