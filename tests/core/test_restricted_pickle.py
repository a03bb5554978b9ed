"""Only plain values and the named globals come out of a pickle, and nothing that it says is run."""

from __future__ import annotations

import collections
import io
import os
import pickle
from typing import Any

import numpy as np
import pytest

from dranspose import restricted_pickle
from dranspose.restricted_pickle import Globals

PLAIN = {
    "none": None,
    "numbers": [1, -(2**70), 2.5, True],
    "text": "é",
    "bytes": b"\x00\xff",
    "tuple": (1, (2,)),
    "sets": [{1, 2}, frozenset("a")],
}


def load(content: bytes, allowed: Globals | None = None) -> Any:
    return restricted_pickle.load(io.BytesIO(content), allowed or {})


class Running:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_plain_values_come_out_as_they_went_in(protocol):
    assert load(pickle.dumps(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "harmful",
    [
        Running(os.mkdir, "ran"),
        Running(eval, "__import__('os').mkdir('ran')"),
        Running(getattr, "", "join"),
        Running(open, "ran", "w"),
        np.array([1, 2]),
        collections.OrderedDict(a=1),
        pickle.Unpickler,
    ],
    ids=["os", "eval", "getattr", "open", "numpy", "class of the library", "class"],
)
def test_no_global_comes_in_unnamed(harmful, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match=r"it names [\w.]+, which is not let in"):
        load(pickle.dumps([harmful], protocol))
    assert not (tmp_path / "ran").exists()


def test_what_stands_for_a_global_is_called_in_its_place():
    content = pickle.dumps(Running(os.mkdir, "ran"))
    assert load(content, {("posix", "mkdir"): str.upper}) == "RAN"


def test_attributes_of_a_named_global_are_not_let_in_with_it():
    dotted = b"\x80\x04\x8c\x08builtins\x8c\x0cset.__init__\x93."
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.set\.__init__"):
        load(dotted)


def test_references_to_objects_elsewhere_are_refused():
    with pytest.raises(pickle.UnpicklingError, match="outside of it"):
        load(b"\x80\x04Pelsewhere\n.")


@pytest.mark.parametrize("place", [b"r\xff\xff\xff\x7f", b"p2147483647\n", b"q\x03"], ids=["binary", "text", "short"])
def test_a_place_in_the_memo_that_would_take_gigabytes_is_refused(place):
    with pytest.raises(pickle.UnpicklingError, match="its opcode 2 has the place "):
        load(b"\x80\x04N" + place + b".")


@pytest.mark.parametrize("opcode", [b"\x8e", b"\x8d", b"\x96"], ids=["bytes", "text", "bytearray"])
def test_a_length_beyond_the_end_is_refused(opcode):
    with pytest.raises(ValueError, match="but only 3 remain"):
        load(b"\x80\x05" + opcode + (2**40).to_bytes(8, "little") + b"123")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_values_that_are_used_again_and_again_come_out(protocol):
    shared = ["x"]
    values = [shared, *([str(i), shared, (i, i)] for i in range(1000)), shared]
    assert load(pickle.dumps(values, protocol)) == values


def test_pickles_one_after_the_other_are_read_one_at_a_time():
    file = io.BytesIO(pickle.dumps(1) + pickle.dumps("two"))
    assert [restricted_pickle.load(file, {}) for _ in range(2)] == [1, "two"]


@pytest.mark.parametrize("state", [{"__name__": "changed"}, (None, {"__defaults__": ("changed",)})])
def test_what_stands_for_a_global_is_not_changed(state):
    def stand_in(text="as it was"):
        return text

    built = b"\x80\x02cposix\nmkdir\n" + pickle.dumps(state, 2)[2:-1] + b"b)R."
    with pytest.raises(pickle.UnpicklingError, match="sets attributes of a function"):
        load(built, {("posix", "mkdir"): stand_in})
    assert (stand_in(), stand_in.__name__) == ("as it was", "stand_in")
