"""The folder with the analysis code: the working directory of a process, whose modules can be loaded anew."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dranspose.analysis import AnalysisError


class AnalysisFolder:
    """The folder that a process works in, for all the devices in it that run user classes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._users: set[str] = set()
        self._modules_before: set[str] = set()
        self._loaded_at = 0.0  # Unix time

    @contextmanager
    def loading(self, path: str, user: str) -> Iterator[None]:
        """Work in a folder, and let one user at a time load modules of it: nobody forgets what another is importing.

        Modules of another folder, or of this one if a file has changed, are forgotten before.

        Raises:
            AnalysisError: there is no such folder, or another device of this process works in another one.
        """
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise AnalysisError(f"AnalysisPath {path!r}: there is no such folder on this host")
        folder = folder.resolve()
        with self._lock:
            others = sorted(self._users - {user})
            if folder != self._path and others:
                raise AnalysisError(
                    f"AnalysisPath {folder}: {', '.join(others)} in the same process works in {self._path}; a process "
                    "works in one folder, so give this device a server of its own"
                )
            if folder != self._path or self._is_to_be_loaded():
                self._forget()
                self._modules_before = set(sys.modules)
                self._path, self._loaded_at = folder, time.time()
                os.chdir(folder)
            self._users.add(user)
            yield

    def leave(self, user: str) -> None:
        """Be no longer one of those who work in the folder."""
        self._users.discard(user)  # without the lock: a device that ends waits for nobody's import

    def _is_to_be_loaded(self) -> bool:
        places = [place for _, place in self._modules()]
        return not places or any(place.is_file() and place.stat().st_mtime >= self._loaded_at for place in places)

    def _forget(self) -> None:
        for name, _ in list(self._modules()):
            del sys.modules[name]
        if str(self._path) in sys.path:
            sys.path.remove(str(self._path))
        importlib.invalidate_caches()

    def _modules(self) -> Iterator[tuple[str, Path]]:
        """Yield what was imported from the folder, but not from an environment within it, and where it is."""
        for name in sys.modules.keys() - self._modules_before:
            module = sys.modules[name]
            places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", [])]
            for place in map(Path, filter(None, places)):
                if self._path and place.is_relative_to(self._path) and not place.is_relative_to(sys.prefix):
                    yield name, place
                    break


FOLDER = AnalysisFolder()
"""The one of this process."""
