"""What the tests of published results share: a dict with a value of every kind, and servers."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from dranspose.publish.http import Server

RECORD = np.dtype([("count", "u1"), ("mean", ">f8"), ("name", "S3"), ("good", "?")], align=True)


@pytest.fixture
def every_kind() -> dict[str, Any]:
    return {
        "int": 5,
        "float": 1.5,
        "bool": True,
        "none": None,
        "text": "grüß",
        "long text": "x" * 10_000,
        "bytes": b"abc",
        "opaque": b"a\0b\0",
        "complex": 1 + 2j,
        "numpy scalar": np.int16(3),
        "list": [1, 2, 3],
        "empty": [],
        "texts": ["a", "", "cä"],
        "numpy texts": np.array([["x", "yy"]]),
        "numpy bytes": np.array([b"x", b"yy"]),
        "rows": [[1, 2], [3, 4]],
        "image": np.arange(24.0).reshape(4, 6),
        "big-endian": np.array([1, 256], dtype=">u2"),
        "half": np.array([0.5], dtype="f2"),
        "bools": np.array([True, False]),
        "complexes": np.array([1 + 2j, 3j], dtype="c8"),
        "records": np.array([(1, 2.5, b"ab", True), (3, math.inf, b"c", False)], dtype=RECORD),
        "record": np.array((1, 2.5), dtype=[("a", "u1"), ("b", "f4")]),
        "subarrays": np.array([([1, 2],)], dtype=[("v", "i4", (2,))]),
        "group": {"with space": {"in ner": 1, "in ner_attrs": {"long name": "spät"}}, "nothing": {}},
        "image_attrs": {
            "int": 1,
            "float": math.nan,
            "bool": False,
            "none": None,
            "text": "ä",
            "texts": ["x", "y"],
            "bytes": b"by",
            "axes": np.arange(3),
            "record": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f4")]),
        },
        "group_attrs": {"NX_class": "NXdata"},
        "_attrs": {"NX_class": "NXroot"},
    }


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Return a function that serves a dict until the test ends."""
    with ExitStack() as servers:

        def start(publish: dict[Any, Any], lock: Any = None, **options: Any) -> Server:
            return servers.enter_context(Server(lambda: (publish, lock), **options))

        yield start
