"""Which files a client may name for the controller to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class UploadError(ValueError):
    """A file is not to be read; the text says why and what to do."""


def read_upload(path: str, directories: Sequence[str]) -> bytes:
    """Return the content of a file below one of the directories, symbolic links followed; raises UploadError."""
    if not directories:
        raise UploadError("the controller's property UploadDirectories names no folder: set it, or use UploadParameter")
    try:
        file = Path(path).resolve(strict=True)
        allowed = any(file.is_relative_to(Path(directory).resolve()) for directory in directories)
        if not allowed:
            raise UploadError(f"{file} is not below {', '.join(directories)}, the controller's UploadDirectories")
        if not file.is_file():
            raise UploadError(f"{file} is no regular file")
        return file.read_bytes()
    except OSError as error:
        raise UploadError(f"{path}: {error.strerror} (on the controller's host)") from None
