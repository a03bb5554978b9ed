"""HDF5 types, shapes and values as the JSON and the bytes of the HDF REST API.

The API: https://github.com/HDFGroup/hdf-rest-api; its JSON for types: https://hdf5-json.readthedocs.io.
"""

import json
import struct
import zlib
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.recfunctions import repack_fields

from dranspose.publish.values import NULL_DTYPE, Array

Json: TypeAlias = dict[str, Any]

MAX_BINARY_TEXT_BYTES = 1_000_000
"""The longest element of variable length that h5pyd reads from bytes."""


class ChangedError(ValueError):
    """A dataset is no longer what the client was told of."""


def type_json(dtype: np.dtype[Any]) -> Json:
    """Describe an HDF5 type: bool is the enumeration that h5py writes, dtype object UTF-8 text of variable length."""
    order = "BE" if dtype.str.startswith(">") else "LE"
    bits = dtype.itemsize * 8
    if dtype.subdtype is not None:
        return {"class": "H5T_ARRAY", "base": type_json(dtype.subdtype[0]), "dims": list(dtype.subdtype[1])}
    if dtype.names:
        fields = [{"name": name, "type": type_json(dtype[name])} for name in dtype.names]
        return {"class": "H5T_COMPOUND", "fields": fields}
    match dtype.kind:
        case "b":
            base = {"class": "H5T_INTEGER", "base": "H5T_STD_I8LE"}
            return {"class": "H5T_ENUM", "base": base, "mapping": {"FALSE": 0, "TRUE": 1}}
        case "i" | "u":
            return {"class": "H5T_INTEGER", "base": f"H5T_STD_{dtype.kind.upper()}{bits}{order}"}
        case "f":
            return {"class": "H5T_FLOAT", "base": f"H5T_IEEE_F{bits}{order}"}
        case "c":
            return type_json(_wire_dtype(dtype))
        case "S":
            return _string_json("H5T_CSET_ASCII", "H5T_STR_NULLPAD", dtype.itemsize)
        case "O":
            return _string_json("H5T_CSET_UTF8", "H5T_STR_NULLTERM", "H5T_VARIABLE")
    return {"class": "H5T_OPAQUE", "size": dtype.itemsize}


def _string_json(charset: str, padding: str, length: int | str) -> Json:
    return {"class": "H5T_STRING", "charSet": charset, "strPad": padding, "length": length}


def description(array: Array | None) -> Json:
    """Describe the type and shape of a dataset or an attribute."""
    if array is None:
        return {"type": type_json(NULL_DTYPE), "shape": {"class": "H5S_NULL"}}
    if array.ndim == 0:
        return {"type": type_json(array.dtype), "shape": {"class": "H5S_SCALAR"}}
    return {"type": type_json(array.dtype), "shape": {"class": "H5S_SIMPLE", "dims": list(array.shape)}}


def value_json(array: Array | None) -> Any:
    """Give the value as nested lists for ``to_json``."""
    return None if array is None else _wire_array(array).tolist()


def value_bytes(array: Array) -> bytes | memoryview | None:
    """Give the value as bytes in C order, each text after its length; None if only JSON can carry it.

    That is no elements at all, which h5pyd takes for a lost answer, a single text, and texts that are too long for it.
    """
    if array.size == 0:
        return None
    if not array.dtype.hasobject:
        return np.ascontiguousarray(_wire_array(array)).reshape(-1).view(np.uint8).data
    texts = [text.encode() for text in array.flat]
    if array.ndim == 0 or max(map(len, texts)) > MAX_BINARY_TEXT_BYTES:
        return None
    return b"".join(part for text in texts for part in (struct.pack("<i", len(text)), text))


def to_json(content: Any) -> bytes:
    """Write JSON; NaN and infinities are the literals that Python's json, and so h5pyd, reads."""
    return json.dumps(content, separators=(",", ":"), default=_plain).encode()


def _plain(value: bytes | Array) -> Any:
    """Give what ``tolist`` leaves: fixed-length text, and the arrays that are fields of a structured array."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value.tolist()


def _wire_array(array: Array) -> Array:
    if array.dtype.names:
        array = repack_fields(array, recurse=True)
    return array.view(_wire_dtype(array.dtype))


def _wire_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the type without padding, and with the compound of two floats that h5py writes for complex numbers."""
    if dtype.subdtype is not None:
        return np.dtype((_wire_dtype(dtype.subdtype[0]), dtype.subdtype[1]))
    if dtype.names:
        return np.dtype([(name, _wire_dtype(dtype[name])) for name in dtype.names])
    if dtype.kind == "c":
        part = np.dtype(f"{dtype.str[0]}f{dtype.itemsize // 2}")
        return np.dtype([("r", part), ("i", part)])
    return dtype


def imprint(array: Array) -> str:
    """Tell type and shape in a few letters, for a client to give back with a later request (``as_told``)."""
    type_code = zlib.crc32(to_json(type_json(array.dtype)))
    return ".".join([f"{type_code:08x}", *map(str, array.shape)])


def as_told(array: Array, told: str) -> Array:
    """Give the part of a dataset that has the shape of an earlier ``imprint``, as a view: it may have grown since.

    Raises:
        ChangedError: its type or number of dimensions is another one, it is smaller, or ``told`` is no imprint.

    """
    shape = [int(length) for length in told.split(".")[1:] if length.isdecimal() and len(length) <= 18]
    index: tuple[Any, ...] = (*map(slice, shape[: array.ndim]), ...)
    part: Array = array[index]
    if imprint(part) != told:
        raise ChangedError("the dataset has another type or shape since the client was told of it: open it again")
    return part
