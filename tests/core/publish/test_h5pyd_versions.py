"""What old and new h5pyd read, each in a process of its own."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5pyd
import numpy as np
import pytest

from dranspose.publish.http import Server

COMPLEX = "[('r', '<f8'), ('i', '<f8')]"

TREE: dict[str, Any] = {
    "/": ["group", 26, {"NX_class": "NXroot"}],
    "/int": ["int64", [], 5, {}],
    "/float": ["float64", [], 1.5, {}],
    "/bool": ["bool", [], True, {}],
    "/none": ["float32", None, None, {}],
    "/text": ["object", [], "grüß", {}],
    "/long text": ["object", [], "x" * 10_000, {}],
    "/bytes": ["|S3", [], "abc", {}],
    "/opaque": ["|V4", [], "a\0b\0", {}],
    "/complex": [COMPLEX, [], [1.0, 2.0], {}],
    "/numpy scalar": ["int16", [], 3, {}],
    "/list": ["int64", [3], [1, 2, 3], {}],
    "/empty": ["float64", [0], [], {}],
    "/texts": ["object", [3], ["a", "", "cä"], {}],
    "/numpy texts": ["object", [1, 2], [["x", "yy"]], {}],
    "/numpy bytes": ["|S2", [2], ["x", "yy"], {}],
    "/rows": ["int64", [2, 2], [[1, 2], [3, 4]], {}],
    "/image": [
        "float64",
        [4, 6],
        np.arange(24.0).reshape(4, 6).tolist(),
        {
            "int": 1,
            "float": math.nan,
            "bool": False,
            "none": None,
            "text": "ä",
            "texts": ["x", "y"],
            "bytes": "by",
            "axes": [0, 1, 2],
            "record": [[1, 2.5]],
        },
    ],
    "/big-endian": [">u2", [2], [1, 256], {}],
    "/half": ["float16", [1], [0.5], {}],
    "/bools": ["bool", [2], [True, False], {}],
    "/complexes": [COMPLEX.replace("8", "4"), [2], [[1.0, 2.0], [0.0, 3.0]], {}],
    "/records": [
        "[('count', 'u1'), ('mean', '>f8'), ('name', 'S3'), ('good', '?')]",
        [2],
        [[1, 2.5, "ab", True], [3, math.inf, "c", False]],
        {},
    ],
    "/record": ["[('a', 'u1'), ('b', '<f4')]", [], [1, 2.5], {}],
    "/subarrays": ["[('v', '<i4', (2,))]", [1], [[[1, 2]]], {}],
    "/group": ["group", 2, {"NX_class": "NXdata"}],
    "/group/with space": ["group", 1, {}],
    "/group/with space/in ner": ["int64", [], 1, {"long name": "spät"}],
    "/group/nothing": ["group", 0, {}],
    "/ramp": ["uint16", [200, 3], np.arange(600).reshape(200, 3).tolist(), {}],
}

SELECTIONS: dict[str, Any] = {
    "rows": np.arange(6.0, 18.0).reshape(2, 6).tolist(),
    "steps and index": [1.0, 13.0],
    "element": 8.0,
    "from the end": [18.0, 19.0, 20.0, 21.0, 22.0, 23.0],
    "nothing": [0, 6],
    "list": [[6.0, 8.0, 11.0], [12.0, 14.0, 17.0]],
    "mask": [21.0, 22.0, 23.0],
    "long list": [[row, row + 1] for row in range(0, 600, 6)],
    "text": "cä",
    "texts as str": ["a", "", "cä"],
    "record": [3, math.inf, "c", False],
    "iteration": [[1, 2], [3, 4]],
}


@pytest.mark.parametrize("version", ["0.18.0", "0.24.0", h5pyd.__version__])
def test_every_kind_of_value(version: str, every_kind: dict[str, Any], serve: Callable[..., Server]) -> None:
    environment = dict(os.environ)
    if version != h5pyd.__version__:
        folder = Path(sys.prefix) / f"h5pyd-{version}"
        if not folder.is_dir():
            pytest.skip(f"h5pyd {version} is not in {folder}")
        environment["PYTHONPATH"] = str(folder)
    url = serve({**every_kind, "ramp": np.arange(600, dtype="u2").reshape(200, 3)}).url
    script = Path(__file__).with_name("read_with_h5pyd.py")
    client = subprocess.run(
        [sys.executable, script, url], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert client.returncode == 0, client.stderr
    read = json.loads(client.stdout)
    assert read["version"] == version
    assert _as_text(read["tree"]) == _as_text(TREE)
    assert read["selections"] == SELECTIONS


def _as_text(tree: dict[str, Any]) -> dict[str, str]:
    """Return each value as text, because a NaN equals nothing."""
    return {path: json.dumps(found, sort_keys=True) for path, found in tree.items()}
