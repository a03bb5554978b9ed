"""Published Python values as arrays that HDF5 has a type for."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

NULL_DTYPE = np.dtype("<f4")
"""The type of a dataset without a value, the one of ``h5py.Empty("f")``."""

MAX_RANK = 32
"""Dimensions of an HDF5 dataspace (H5S_MAX_RANK of the HDF5 library)."""


class UnpublishableError(ValueError):
    """A value that has no form in HDF5; its text says why and what to publish in its place."""


def as_array(value: object) -> Array | None:
    """Give the array that stands for a published value, or None for None (a dataset without a value).

    What is an array already comes back as it is, not copied. Text, alone or in a list or array, becomes an array of
    dtype object that holds ``str`` only. ``bytes`` become a fixed-length string, or opaque if there is a NUL in them.

    Raises:
        UnpublishableError: there is no HDF5 type for the value.
        RuntimeError: another thread changed the value meanwhile.

    """
    if value is None:
        return None
    if isinstance(value, bytes) and b"\0" in value:
        return np.asarray(np.void(value))
    array = _converted(value)
    if array.ndim > MAX_RANK:
        raise UnpublishableError(f"HDF5 has at most {MAX_RANK} dimensions, not {array.ndim}")
    if array.dtype.kind in "OSUT" and isinstance(value, list | tuple):
        # numpy has turned the numbers of a list that also holds text into text
        objects = np.asarray(value, dtype=object)
        _require(bytes if array.dtype.kind == "S" else str, objects)
    if array.dtype.kind in "OUT":
        return _text(array.astype(object))
    _check(array.dtype)
    return array


def _converted(value: object) -> Array:
    try:
        return np.asarray(value)
    except RuntimeError:
        raise
    except Exception as error:  # any class may be published, and its __array__ may raise anything
        hint = " (the rows of a nested list need one length)" if isinstance(value, list | tuple) else ""
        raise UnpublishableError(f"numpy makes no array of it{hint}: {type(error).__name__}: {error}") from error


def _text(objects: Array) -> Array:
    _require(str, objects)
    joined = "".join(objects.flat)
    if "\0" in joined:
        raise UnpublishableError("text in HDF5 ends at a NUL character: publish bytes")
    try:
        joined.encode()
    except UnicodeEncodeError as error:
        raise UnpublishableError(f"the text is no valid Unicode: {error.reason}") from error
    return objects


def _require(wanted: type, objects: Array) -> None:
    if not all(isinstance(item, wanted) for item in objects.flat):
        found = " and ".join(sorted({type(item).__name__ for item in objects.flat}))
        raise UnpublishableError(
            f"HDF5 has no type for {found}: publish numbers of at most 64 bits, text, or arrays of one of them"
        )


def _check(dtype: np.dtype[Any]) -> None:
    if dtype.subdtype is not None:
        _check(dtype.subdtype[0])
    elif dtype.names:
        for name in dtype.names:
            try:
                _check(dtype[name])
            except UnpublishableError as error:
                raise UnpublishableError(f"field {name!r}: {error}") from error
    elif dtype.kind in "mM":
        raise UnpublishableError("HDF5 has no dates and times: publish seconds as float, or ISO 8601 text")
    elif dtype.kind in "OUT":
        raise UnpublishableError("text in a structured array needs a fixed length in bytes (dtype 'S')")
    elif dtype.char in "gG":
        raise UnpublishableError(f"{dtype} is not portable: publish 64-bit floats")
    elif dtype.itemsize == 0:
        raise UnpublishableError(f"its elements have no bytes (dtype {dtype})")
