"""Pickles from files and from detectors, read without running what they say: only named globals are let through."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO

Globals = Mapping[tuple[str, str], Any]
"""What a pickle may name, as (module, qualified name), and what it gets for it."""

BUILTIN_CONTAINERS: Globals = {("builtins", "set"): set, ("builtins", "frozenset"): frozenset}
"""Sets in the protocols before 4; all other builtin containers, numbers and text have opcodes of their own."""


class RestrictedUnpickler(pickle.Unpickler):
    """Unpickler of builtin values and of the given globals; any other raises ``pickle.UnpicklingError``."""

    def __init__(self, file: BinaryIO, allowed: Globals) -> None:
        super().__init__(file)
        self._allowed = {**BUILTIN_CONTAINERS, **allowed}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for the global."""
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not let in") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the pickle."""
        raise pickle.UnpicklingError("it refers to an object outside of it")
