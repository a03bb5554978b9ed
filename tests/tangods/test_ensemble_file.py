"""Files that describe an ensemble: what they give, and that every mistake is named with its line."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dranspose_tango.ensemble import PROPERTIES, Controller, Ensemble, Ingester, Reducer, Workers
from dranspose_tango.ensemble_file import EnsembleError, read_ensemble

WHOLE = dedent("""\
    name = "b303a"
    folder = "analysis"
    keys = "keys"

    [controller]
    interface = "10.0.0.1"
    port = 6000
    liveness = 5
    uploads = ["poni"]

    [[ingester]]
    streams = ["xrd"]
    source = "stins"
    url = "tcp://127.0.0.1:9999"

    [[ingester]]
    name = "slow"
    streams = ["pcap", "sardana"]
    source = "sources.slow:Source"
    url = { pcap = "tcp://panda:1", sardana = ["tcp://a:1", "tcp://b:2"] }
    interface = "10.0.0.2"
    keep_bytes = 1000
    capture = "slow.cbors"
    read_along = { oven = "lab/oven/1/temperature" }

    [[worker]]
    class = "src.worker:TestWorker"
    count = 2

    [[worker]]
    class = "src.worker:DebugWorker"
    tags = ["debug"]

    [reducer]
    class = "src.reducer:TestReducer"
    interface = "10.0.0.3"
    http = 5001

    [parameters]
    till_x = 3
    scale = 0.5
    mask = true
    title = "µ"
    poni = { file = "poni/geometry.poni" }
""")

SMALL = dedent("""\
    name = "tutorial"

    [[ingester]]
    streams = ["xrd"]
    source = "stins"
    url = "tcp://127.0.0.1:9999"

    [worker]
    class = "src.worker:TestWorker"

    [reducer]
    class = "src.reducer:TestReducer"
""")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that has what the files name."""
    (tmp_path / "analysis").mkdir()
    (tmp_path / "poni").mkdir()
    (tmp_path / "poni/geometry.poni").write_bytes(b"\x00Distance: 1\n")
    return tmp_path


def read(folder: Path, text: str) -> Ensemble:
    file = folder / "ensemble.toml"
    file.write_bytes(text.encode())
    return read_ensemble(file)


def test_a_file_with_everything(folder: Path) -> None:
    assert read(folder, WHOLE) == Ensemble(
        name="b303a",
        folder=folder / "analysis",
        controller=Controller(interface="10.0.0.1", port=6000, liveness=5, uploads=(folder / "poni",)),
        ingesters=(
            Ingester(name="xrd", source="stins", urls={"xrd": ("tcp://127.0.0.1:9999",)}),
            Ingester(
                name="slow",
                source="sources.slow:Source",
                urls={"pcap": ("tcp://panda:1",), "sardana": ("tcp://a:1", "tcp://b:2")},
                interface="10.0.0.2",
                keep_bytes=1000,
                capture=str(folder / "slow.cbors"),
                read_along={"oven": "lab/oven/1/temperature"},
            ),
        ),
        workers=(
            Workers(analysis="src.worker:TestWorker", count=2),
            Workers(analysis="src.worker:DebugWorker", tags=("debug",)),
        ),
        reducer=Reducer(analysis="src.reducer:TestReducer", interface="10.0.0.3", http=5001),
        parameters={
            "till_x": b"3",
            "scale": b"0.5",
            "mask": b"True",
            "title": "µ".encode(),
            "poni": b"\x00Distance: 1\n",
        },
        keys=folder / "keys",
    )


def test_where_captures_go_may_be_a_folder(folder: Path) -> None:
    ingester = read(folder, WHOLE.replace("slow.cbors", "data/")).ingesters[1]
    assert ingester.capture == str(folder / "data") + "/"
    assert read(folder, WHOLE.replace("slow.cbors", "/data/scan-")).ingesters[1].capture == "/data/scan-"


def test_its_devices(folder: Path) -> None:
    devices = read(folder, WHOLE).devices
    assert [(device.server, device.instance, device.name) for device in devices] == [
        ("DransposeController", "b303a", "b303a/dranspose/controller"),
        ("DransposeIngester", "b303a-xrd", "b303a/dranspose/ingester-xrd"),
        ("DransposeIngester", "b303a-slow", "b303a/dranspose/ingester-slow"),
        ("DransposeWorker", "b303a-1", "b303a/dranspose/worker-1"),
        ("DransposeWorker", "b303a-2", "b303a/dranspose/worker-2"),
        ("DransposeWorker", "b303a-3", "b303a/dranspose/worker-3"),
        ("DransposeReducer", "b303a", "b303a/dranspose/reducer"),
    ]
    properties = {device.name.rpartition("/")[2]: dict(device.properties) for device in devices}
    controller = ("b303a/dranspose/controller",)
    analysis = (str(folder / "analysis"),)
    assert all(given.pop("KeyFolder") == (str(folder / "keys"),) for given in properties.values())
    assert properties == {
        "controller": {
            "BindInterface": ("10.0.0.1",),
            "Port": ("6000",),
            "Liveness": ("5",),
            "UploadDirectories": (str(folder / "poni"),),
        },
        "ingester-xrd": {
            "Controller": controller,
            "Source": ("stins",),
            "Streams": ("xrd",),
            "Urls": ("xrd=tcp://127.0.0.1:9999",),
        },
        "ingester-slow": {
            "Controller": controller,
            "Source": ("sources.slow:Source",),
            "Streams": ("pcap", "sardana"),
            "Urls": ("pcap=tcp://panda:1", "sardana=tcp://a:1", "sardana=tcp://b:2"),
            "ReadAlong": ("oven=lab/oven/1/temperature",),
            "SourcePath": analysis,
            "BindInterface": ("10.0.0.2",),
            "KeepBytes": ("1000",),
            "CapturePath": (str(folder / "slow.cbors"),),
        },
        "worker-1": {
            "Controller": controller,
            "AnalysisPath": analysis,
            "AnalysisClass": ("src.worker:TestWorker",),
        },
        "worker-2": {
            "Controller": controller,
            "AnalysisPath": analysis,
            "AnalysisClass": ("src.worker:TestWorker",),
        },
        "worker-3": {
            "Controller": controller,
            "AnalysisPath": analysis,
            "AnalysisClass": ("src.worker:DebugWorker",),
            "Tags": ("debug",),
        },
        "reducer": {
            "Controller": controller,
            "AnalysisPath": analysis,
            "AnalysisClass": ("src.reducer:TestReducer",),
            "BindInterface": ("10.0.0.3",),
            "HttpInterface": ("10.0.0.3",),
            "HttpPort": ("5001",),
        },
    }
    assert {key for device in devices for key in device.properties} == set(PROPERTIES)


@pytest.mark.parametrize(
    ("source", "urls"),
    [
        ('source = "sardana"', ()),
        ('source = "hdf5"\nurl = "run.h5::/entry/data"', ("run.h5::/entry/data",)),
        ('source = "tango"\nurl = "lab/oven/1/temperature"', ("lab/oven/1/temperature",)),
    ],
)
def test_sources_that_connect_to_no_url(folder: Path, source: str, urls: tuple[str, ...]) -> None:
    [ingester] = read(folder, SMALL.replace('source = "stins"\nurl = "tcp://127.0.0.1:9999"', source)).ingesters
    assert ingester.urls == {"xrd": urls}


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('name = "tutorial"', "", "name: is missing"),
        ('name = "tutorial"', 'name = "a b"', "line 1: name: must be letters"),
        (
            'name = "tutorial"',
            'name = "tutorial"\nfoldr = "."',
            "line 2: foldr: is not known here; do you mean folder?",
        ),
        ('name = "tutorial"', 'name = "tutorial"\nfolder = "nowhere"', "line 2: folder: there is no folder"),
        ('url = "tcp://127.0.0.1:9999"', "", "line 3: ingester[1].url: is missing"),
        ('url = "tcp://127.0.0.1:9999"', 'url = "localhost"', "line 6: ingester[1].url: stream 'xrd' needs a URL"),
        ('url = "tcp://127.0.0.1:9999"', "url = []", "line 6: ingester[1].url: stream 'xrd' needs a URL"),
        (
            'url = "tcp://127.0.0.1:9999"',
            'url = { xrf = "tcp://a:1" }',
            "line 6: ingester[1].url: must be a table with a URL for each of the streams xrd",
        ),
        (
            'source = "stins"',
            'source = "stins"\nread_along = { oven = "temperature" }',
            "line 6: ingester[1].read_along.oven: must be DOMAIN/FAMILY/MEMBER/ATTRIBUTE, not 'temperature'",
        ),
        (
            'source = "stins"',
            'source = "stins"\nread_along = { xrd = "lab/oven/1/temperature" }',
            "line 6: ingester[1].read_along: there is a stream 'xrd' already",
        ),
        ('"stins"', '"a:b:c"', "line 5: ingester[1].source: must be stins or name a class"),
        ('["xrd"]', "[]", "line 4: ingester[1].streams: must be a list of different texts"),
        ('["xrd"]', '["xrd", "xrd"]', "line 4: ingester[1].streams: must be a list of different texts"),
        ('["xrd"]', '["x/d"]', "line 3: ingester[1].name: must be letters"),
        ("[worker]", "[worker]\ncount = 0", "line 9: worker.count: must be a whole number from 1 to 10000, not 0"),
        (
            "[[ingester]]",
            "[controller]\nliveness = 0\n[[ingester]]",
            "line 4: controller.liveness: must be a number from",
        ),
        ("[worker]", "[worker]\ncount = true", "line 9: worker.count: must be a whole number"),
        ("[worker]", "[worker]\n# so\ntags = [\n  1,\n]", "line 10: worker.tags: must be a list of different texts"),
        ('"src.worker:TestWorker"', '"src/worker.py"', "line 9: worker.class: must name a class"),
        ("[worker]", "[wroker]", "worker: is missing"),
        ("[reducer]", "[[reducer]]", "line 11: reducer: must be a table"),
        ("[reducer]", "[reducer]\nport = 1", "line 12: reducer.port: is not known here; known are class, interface"),
        ("[reducer]", "[parameters]\na = [1]\n[reducer]", "line 12: parameters.a: must be a number, a text"),
        (
            "[reducer]",
            '[parameters]\nponi = { file = "no.poni" }\n[reducer]',
            "line 12: parameters.poni: cannot be read: [Errno 2]",
        ),
        (
            "[reducer]",
            '[parameters]\nponi = { file = "\\u0000" }\n[reducer]',
            "parameters.poni: cannot be read: embedded",
        ),
        ("[reducer]", "[reducer", "is not TOML: "),
    ],
)
def test_mistakes_are_named_with_their_line(folder: Path, before: str, after: str, complaint: str) -> None:
    assert before in SMALL
    with pytest.raises(EnsembleError) as caught:
        read(folder, SMALL.replace(before, after))
    assert complaint in str(caught.value)
    assert str(folder / "ensemble.toml") in str(caught.value)


def test_a_stream_belongs_to_one_ingester(folder: Path) -> None:
    ingester = SMALL[SMALL.index("[[ingester]]") : SMALL.index("[worker]")]
    with pytest.raises(EnsembleError, match=r"line 9: ingester\[2\].streams: there is a stream 'xrd' already"):
        read(folder, SMALL.replace(ingester, ingester * 2))
    named = ingester.replace("xrd", "xrf") + 'name = "XRD"\n'
    with pytest.raises(EnsembleError, match=r"line 13: ingester\[2\].name: another ingester is named 'XRD'"):
        read(folder, SMALL.replace(ingester, ingester + named))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EnsembleError, match=r"no.toml: No such file"):
        read_ensemble(tmp_path / "no.toml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_damaged_files_are_refused_or_read(folder: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(WHOLE)))
    stop = data.draw(st.integers(start, min(len(WHOLE), start + 20)))
    inserted = data.draw(st.text(st.sampled_from("[]{}=\"'\n.,x1\0é"), max_size=8))
    with suppress(EnsembleError):
        read(folder, WHOLE[:start] + inserted + WHOLE[stop:]).devices  # noqa: B018


PATHS = [(key,) for key in tomllib.loads(WHOLE)] + [
    (key, *((0,) if isinstance(table, list) else ()), inner)
    for key, table in tomllib.loads(WHOLE).items()
    if not isinstance(table, str)
    for inner in (table[0] if isinstance(table, list) else table)
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.sampled_from(PATHS),
    st.recursive(
        st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("ab:./", max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["xrd", "file"]), inner),
        max_leaves=4,
    ),
)
def test_values_of_any_type_are_refused_or_read(folder: Path, path: tuple[str | int, ...], value: object) -> None:
    document: Any = tomllib.loads(WHOLE)
    *outer, last = path
    table = document
    for key in outer:
        table = table[key]
    table[last] = value
    complaint = ""
    try:
        read(folder, "\n".join(f"{key} = {as_toml(inner)}" for key, inner in document.items())).devices  # noqa: B018
    except EnsembleError as error:
        complaint = str(error)
    assert not complaint or re.search(rf"line \d+: {path[0]}", complaint)


def as_toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return f"{{{', '.join(f'{key} = {as_toml(inner)}' for key, inner in value.items())}}}"
        case list():
            return f"[{', '.join(map(as_toml, value))}]"
        case _:
            return json.dumps(value)


def test_deep_nesting_is_refused(folder: Path) -> None:
    with pytest.raises(EnsembleError, match="is not TOML"):
        read(folder, "x = " + "[" * 100_000)
