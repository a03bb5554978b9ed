"""Values of parameters as people write them."""

from __future__ import annotations

from pathlib import Path


def data_of(text: str) -> bytes:
    """Return the data that a text stands for: its own, or with an @ before it those of the file; raises OSError."""
    return Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
