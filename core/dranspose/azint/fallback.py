"""Lets `import azint` find the built-in azint on machines where azint is not installed."""

from __future__ import annotations

import importlib
import logging
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

BUILT_IN = "dranspose.azint"
logger = logging.getLogger(BUILT_IN)


class BuiltInAzint(MetaPathFinder, Loader):
    """Gives the built-in package under the name azint, to an import that nothing else has satisfied."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find azint alone: its modules are there as soon as it is."""
        return ModuleSpec("azint", self, is_package=True) if fullname == "azint" else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the modules of the built-in package in place of the new, empty one: each exists once, under two names."""
        importlib.import_module(BUILT_IN)
        for name in [name for name in sys.modules if name == BUILT_IN or name.startswith(f"{BUILT_IN}.")]:
            sys.modules["azint" + name.removeprefix(BUILT_IN)] = sys.modules[name]
        logger.info("azint is not installed: the built-in one is used")


def install() -> None:
    """Append the finder to sys.meta_path, where an installed azint comes before it; once is enough."""
    if not any(isinstance(finder, BuiltInAzint) for finder in sys.meta_path):
        sys.meta_path.append(BuiltInAzint())
