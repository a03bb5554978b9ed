"""Pickles from files and from detectors, read without running what they say: only named globals are let through."""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

Globals = Mapping[tuple[str, str], Any]
"""What a pickle may name, as (module, qualified name), and what it gets for it.

That is functions, and classes that are built in or have a ``__setstate__``: a pickle can set attributes of any other.
"""

BUILTIN_CONTAINERS: Globals = {("builtins", "set"): set, ("builtins", "frozenset"): frozenset}
"""Sets in protocol 3; all other builtin containers, numbers, text and bytes have opcodes of their own since then."""

MEMO_OPCODES = ("PUT", "BINPUT", "LONG_BINPUT")


def load(file: BinaryIO, allowed: Globals) -> Any:
    """Return the value of the next pickle in a file: builtin values and the given globals.

    Raises:
        pickle.UnpicklingError: the pickle names another global, refers to an object outside of it, or is damaged.
        Exception: whatever else a damaged pickle leads to.
    """
    content = _Kept(file)
    # Lengths that lie end here, and so does a memo of gigabytes, which pickle makes for one high index in few bytes
    for count, (opcode, argument, _) in enumerate(pickletools.genops(cast("BinaryIO", content))):
        if opcode.name in MEMO_OPCODES and cast("int", argument) > count:
            raise pickle.UnpicklingError(f"its opcode {count} has the place {argument} in the memo")
    return _RestrictedUnpickler(io.BytesIO(content.kept), allowed).load()


class _Kept:
    """A file of which all that is read is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.kept = bytearray()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.kept += data
        return data

    def readline(self) -> bytes:
        data = self._file.readline()
        self.kept += data
        return data


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, allowed: Globals) -> None:
        super().__init__(file)
        self._allowed = {**BUILTIN_CONTAINERS, **allowed}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for the global."""
        try:
            stands_for_it = self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not let in") from None
        return stands_for_it if isinstance(stands_for_it, type) else _Sealed(stands_for_it)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the pickle."""
        raise pickle.UnpicklingError("it refers to an object outside of it")


class _Sealed:
    """A function whose attributes, such as its defaults, a pickle cannot set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it sets attributes of a function")
