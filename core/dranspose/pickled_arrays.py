"""Pickles of plain values and numpy arrays, as detectors send them, read without running what they say.

What numpy itself makes of a pickle trusts it so far as to take numbers for addresses. So arrays are made anew here, of
numbers and text only, out of what is pickled of them (``ndarray.__reduce_ex__`` of numpy 1 and 2, in protocols 0 to 5).
"""

from __future__ import annotations

import collections
import io
import pickle
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dranspose import restricted_pickle
from dranspose.event import Frame, frame_bytes

TYPE_CODE = re.compile(r"[biufcSU]\d{1,9}")


def load(frame: Frame) -> Any:
    """Return the value that is pickled in a frame.

    Raises:
        pickle.UnpicklingError: the pickle is damaged, or names anything but containers, numbers, text and arrays.
    """
    try:
        return _with_arrays(restricted_pickle.load(io.BytesIO(frame_bytes(frame)), ALLOWED), {})
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # noqa: BLE001 - damaged pickles raise whatever they lead to
        raise pickle.UnpicklingError(f"it is damaged: {error!r:.200}") from None


class _PickledType:
    """Stands for a numpy dtype while it is unpickled."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        if not TYPE_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"it has an array of {code!r:.80}, which is neither numbers nor text")
        self.code = code
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _version, byte_order, *_rest = state
        if byte_order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"it has an array with the byte order {byte_order!r:.80}")
        self.dtype = np.dtype(f"{byte_order}{self.code}")


class _PickledArray:
    """Stands for a numpy array while it is unpickled."""

    __hash__ = None  # type: ignore[assignment]  # nor has an array, and neither can be a key
    array: npt.NDArray[np.generic]

    def __init__(self, *empty: object) -> None:
        pass

    def __setstate__(self, state: tuple[int, Sequence[int], _PickledType, bool, bytes]) -> None:
        _version, shape, pickled_type, is_fortran, content = state
        self.array = _array(content, pickled_type, shape, "F" if is_fortran else "C")


def _array(
    content: bytes | bytearray, pickled_type: _PickledType, shape: Sequence[int], order: Any, *_axes: object
) -> npt.NDArray[np.generic]:
    return np.frombuffer(bytes(content), pickled_type.dtype).reshape(shape, order=order).copy(order=order)


def _scalar(pickled_type: _PickledType, content: bytes) -> np.generic:
    value: np.generic = np.frombuffer(content, pickled_type.dtype, 1)[0]
    return value


def _bytes(text: str, encoding: str) -> bytes:
    return text.encode("latin1")  # as protocols before 3 have all bytes but none


def _no_bytes() -> bytes:
    return b""


ALLOWED: restricted_pickle.Globals = {
    ("_codecs", "encode"): _bytes,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("numpy", "dtype"): _PickledType,
    ("numpy", "ndarray"): _PickledArray,
    **{("__builtin__", builtin.__name__): builtin for builtin in (set, frozenset, complex)},
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "complex"): complex,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _PickledArray for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array for core in ("core", "_core")},
}


def _with_arrays(value: Any, done: dict[int, Any]) -> Any:
    """Return a value with arrays in the place of what stands for them; `done` has, by id, what was met before."""
    if isinstance(value, _PickledArray):
        return value.array
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, tuple):
        done[id(value)] = result = tuple(_with_arrays(item, done) for item in value)
        return result
    if isinstance(value, dict | list):
        done[id(value)] = value
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            value[key] = _with_arrays(item, done)
    return value
