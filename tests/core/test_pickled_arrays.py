"""Arrays come out of pickles as they went in, and nothing that a pickle says beside them is done."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import re

import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from dranspose.pickled_arrays import load

ARRAYS = {
    "float64": np.linspace(0, 1, 5),
    "one": np.array([-2.00094119]),
    "big-endian": np.arange(6, dtype=">u4").reshape(2, 3),
    "Fortran order": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "empty": np.empty((0, 4), np.float32),
    "no dimensions": np.array(5),
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "text": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "strided": np.arange(10)[::2],
}
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_out_as_they_went_in(array: np.ndarray, protocol: int) -> None:
    loaded = load(pickle.dumps(array, protocol))
    assert type(loaded) is np.ndarray
    np.testing.assert_array_equal(loaded, array, strict=True)
    assert loaded.dtype.byteorder == array.dtype.byteorder
    assert loaded.flags.writeable


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_of_numpy_before_and_after_2(core: bytes) -> None:
    content = pickle.dumps(np.arange(3), 2)
    assert b"numpy._core" in content or b"numpy.core" in content
    np.testing.assert_array_equal(load(re.sub(rb"numpy\._?core", core, content)), [0, 1, 2])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("scalar", [np.float64(2.5), np.uint16(7), np.bool_(True), np.str_("a")])
def test_scalars_come_out_as_they_went_in(scalar: np.generic, protocol: int) -> None:
    loaded = load(pickle.dumps(scalar, protocol))
    assert (loaded, type(loaded)) == (scalar, type(scalar))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_keep_their_kind_and_what_they_share(protocol: int) -> None:
    shared = [np.arange(2), {1, 2}, b"\x00\xff", 1j]
    value = collections.OrderedDict(a=(shared, 1), b=shared, c={"d": shared[0]})
    loaded = load(pickle.dumps(value, protocol))
    assert type(loaded) is collections.OrderedDict
    assert loaded["a"][0] is loaded["b"]
    assert loaded["c"]["d"] is loaded["b"][0]
    assert loaded["b"][1:] == [{1, 2}, b"\x00\xff", 1j]
    np.testing.assert_array_equal(loaded["b"][0], [0, 1])


def test_a_list_that_holds_itself() -> None:
    value: list[object] = []
    value.append((value,))
    loaded = load(pickle.dumps(value))
    assert loaded[0][0] is loaded


def test_lists_that_multiply_are_walked_once() -> None:
    value: list[object] = [1]
    for _ in range(100):
        value = [value, value]
    loaded = load(pickle.dumps(value))
    assert loaded[0] is loaded[1]


def test_of_a_zmq_frame() -> None:
    assert load(zmq.Frame(pickle.dumps({"status": "heartbeat"}))) == {"status": "heartbeat"}


class Running:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> object:
        return self.call


class PickledAs:
    """Pickled as an array with whatever is to be said of it."""

    def __init__(self, state: object) -> None:
        self.state = state

    def __reduce__(self) -> object:
        reconstruct, arguments, _ = np.arange(3).__reduce__()
        return reconstruct, arguments, self.state


F8 = np.dtype("f8")
HOSTILE = {
    "code to run": (Running(os.mkdir, "ran"), "names posix.mkdir"),
    "an array of objects": (np.array([{}], object), "an array of 'O8'"),
    "an array of fields": (np.zeros(2, "i4,f8"), "an array of 'V12'"),
    "objects from addresses": (PickledAs((1, (1,), np.dtype("O"), False, b"\x01" * 8)), "an array of 'O8'"),
    "less content than its shape": (PickledAs((1, (2**40,), F8, False, bytes(8))), "cannot reshape"),
    "more content than its shape": (PickledAs((1, (1,), F8, False, bytes(16))), "cannot reshape"),
    "a negative shape": (PickledAs((1, (-1, -1), F8, False, bytes(8))), "damaged"),
    "a shape that is none": (PickledAs((1, ("a",), F8, False, bytes(8))), "damaged"),
    "content that is none": (PickledAs((1, (1,), F8, False, [1.0])), "damaged"),
    "no state": (Running(np.ndarray, (2**40,)), "damaged"),
    "a type of gigabytes": (Running(np.dtype, "U999999999999"), "neither numbers nor text"),
    "a type in words": (Running(np.dtype, "{'a': 'i4'}"), "neither numbers nor text"),
    "an array as a key": (PickledAs({("key", PickledAs((1, (1,), F8, False, bytes(8)))): 1}), "damaged"),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(("value", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_refused(value: object, reason: str, protocol: int, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps([value], protocol)
    with pytest.raises(pickle.UnpicklingError, match=reason) as error:
        load(content)
    assert len(str(error.value)) < 300
    assert not (tmp_path / "ran").exists()


def test_a_pickle_that_is_cut_off_is_damaged() -> None:
    content = pickle.dumps({"a": np.arange(3)})
    for length in range(len(content)):
        with pytest.raises(pickle.UnpicklingError):
            load(content[:length])


@given(st.binary(max_size=100))
def test_any_bytes_are_a_value_or_refused(content: bytes) -> None:
    for begin in (b"", b"\x80\x02"):
        with contextlib.suppress(pickle.UnpicklingError):
            load(begin + content + b".")
