"""Parameter files are read in all their formats, and what is wrong in one is said with its place."""

from __future__ import annotations

import contextlib
import json
import os
import pickle

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dranspose.parameter_file import ParameterHistory, read_parameter_file, write_parameter_file
from dranspose.parameters import ParameterError

ENTRIES = [{"name": "till_x", "data": "3"}, {"name": "from_y", "data": "7"}]
VALUES = {"till_x": b"3", "from_y": b"7"}
FORMATS = {
    "json": lambda entries: json.dumps(entries).encode(),
    "cbor": cbor2.dumps,
    "self-described cbor": lambda entries: cbor2.dumps(cbor2.CBORTag(55799, entries)),
    **{f"pickle {p}": lambda entries, p=p: pickle.dumps(entries, p) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "parameters"


def refusal(file, content: object) -> str:
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ParameterError) as error:
        read_parameter_file(file)
    assert str(error.value).startswith(f"{file}: ")
    return str(error.value).removeprefix(f"{file}: ")


def test_the_file_of_the_tutorial(file):
    file.write_text('[{"name": "till_x", "data": "3"},\n{"name": "from_y", "data": "7"}]')
    assert read_parameter_file(file).values == VALUES


@pytest.mark.parametrize("encode", FORMATS.values(), ids=FORMATS)
def test_each_format_of_text(file, encode):
    file.write_bytes(encode(ENTRIES))
    assert read_parameter_file(file).values == VALUES


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("json", "pickle 2")])
def test_binary_formats_hold_bytes(file, name):
    file.write_bytes(FORMATS[name]([{"name": "mask", "data": b"\x00\xff"}]))
    assert read_parameter_file(file).values == {"mask": b"\x00\xff"}


@pytest.mark.parametrize("encode", FORMATS.values(), ids=FORMATS)
def test_an_empty_list_sets_nothing(file, encode):
    file.write_bytes(encode([]))
    assert read_parameter_file(file).values == {}


def test_a_cbor_file_with_many_parameters(file):
    values = {f"p{i}": str(i).encode() for i in range(300)}
    file.write_bytes(cbor2.dumps([{"name": name, "data": data} for name, data in values.items()]))
    assert read_parameter_file(file).values == values


def test_a_byte_order_mark_is_no_obstacle(file):
    file.write_bytes(b"\xef\xbb\xbf" + FORMATS["json"](ENTRIES))
    assert read_parameter_file(file).values == VALUES


def test_text_is_utf8(file):
    file.write_text('[{"name": "sample", "data": "Å"}]')
    assert read_parameter_file(file).values == {"sample": "Å".encode()}


def test_more_fields_are_no_obstacle(file):
    file.write_text('[{"name": "till_x", "data": "3", "dtype": "int"}]')
    assert read_parameter_file(file).values == {"till_x": b"3"}


@pytest.mark.parametrize(
    ("data", "kind"), [(3, "int"), (3.5, "float"), (True, "bool"), (None, "NoneType"), ([], "list")]
)
def test_data_that_is_no_text_is_refused(file, data, kind):
    assert refusal(file, [{"name": "till_x", "data": data}]) == (
        f"parameter 'till_x': it needs its data or its file as text, such as \"3\", not as {kind}"
    )


def test_a_name_that_stands_there_twice_is_refused(file):
    assert refusal(file, [*ENTRIES, ENTRIES[0]]) == "parameter 'till_x' stands there twice"


@pytest.mark.parametrize("entry", [{"data": "3"}, {"name": 3, "data": "3"}, "till_x", 3, None, ["till_x", "3"]])
def test_an_entry_without_a_name_is_refused(file, entry):
    assert refusal(file, [ENTRIES[0], entry]) == "entry 1 has no name"


@pytest.mark.parametrize("content", [{"till_x": "3"}, "till_x", 3, None])
def test_a_file_that_holds_no_list_is_refused(file, content):
    assert refusal(file, content).startswith("a parameter file is a list of ")


@pytest.mark.parametrize("content", [b"", b"till_x = 3", b'[{"name": "a", "data": "3"}', b"[" * 100_000])
def test_text_that_is_no_json_is_refused(file, content):
    assert refusal(file, content).startswith("not JSON: ")


@pytest.mark.parametrize("content", [b"\x9a\xff\xff\xff\xff", b"\x82\x00", b"\xfe", cbor2.dumps([b"x" * 100])[:-1]])
def test_bytes_in_no_format_are_refused(file, content):
    assert refusal(file, content).startswith("neither JSON nor pickle, and not CBOR: ")


def test_text_that_no_encoding_has_is_refused(file):
    assert refusal(file, b'[{"name": "a", "data": "\\ud800"}]').startswith("parameter 'a': ")


class Running:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_a_pickle_runs_no_code(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = refusal(file, pickle.dumps([{"name": "a", "data": Running()}]))
    assert refused == "not a pickle of text and bytes only: it names posix.mkdir, which is not let in"
    assert not (tmp_path / "ran").exists()


def test_a_cut_pickle_is_refused(file):
    assert refusal(file, pickle.dumps(ENTRIES)[:-3]).startswith("not a pickle of text and bytes only: ")


@pytest.mark.parametrize("encode", FORMATS.values(), ids=FORMATS)
def test_a_value_can_be_the_content_of_a_file_beside(file, encode):
    (file.parent / "geometry.poni").write_bytes(b"poni_version: 2.1\n\xff")
    file.write_bytes(encode([{"name": "poni", "file": "geometry.poni"}, *ENTRIES]))
    assert read_parameter_file(file).values == {"poni": b"poni_version: 2.1\n\xff", **VALUES}


def test_the_file_of_a_value_is_looked_for_from_the_parameter_file(tmp_path, monkeypatch):
    (tmp_path / "scan" / "calibration").mkdir(parents=True)
    (tmp_path / "scan" / "calibration" / "a.poni").write_bytes(b"poni")
    (tmp_path / "scan" / "p.json").write_text('[{"name": "poni", "file": "calibration/a.poni"}]')
    monkeypatch.chdir(tmp_path)
    assert read_parameter_file((tmp_path / "scan" / "p.json").relative_to(tmp_path)).values == {"poni": b"poni"}


def test_the_file_of_a_value_can_be_anywhere(file, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.poni"
    elsewhere.write_bytes(b"poni")
    file.write_text(json.dumps([{"name": "poni", "file": str(elsewhere)}]))
    assert read_parameter_file(file).values == {"poni": b"poni"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"name": "poni", "file": "a.poni", "data": "3"}, "it has both data and a file"),
        ({"name": "poni"}, "it has neither data nor a file"),
        ({"name": "poni", "file": 3}, 'it needs its data or its file as text, such as "3", not as int'),
    ],
)
def test_a_value_has_one_source(file, entry, reason):
    assert refusal(file, [entry]) == f"parameter 'poni': {reason}"


@pytest.mark.parametrize("name", ["missing.poni", ".", "a\0b"])
def test_a_file_of_a_value_that_cannot_be_read_is_named(file, name):
    refused = refusal(file, [{"name": "poni", "file": name}])
    assert refused.startswith("parameter 'poni': ")
    assert name == "a\0b" or str(file.parent / name) in refused


def test_a_parameter_file_that_is_missing_is_an_os_error(file):
    with pytest.raises(FileNotFoundError):
        read_parameter_file(file)


def test_entries_from_an_event_on_are_changes(file):
    later = [{"name": "till_x", "data": "4", "from_event": 7}, {"name": "till_x", "data": "5", "from_event": 0}]
    file.write_text(json.dumps([*ENTRIES, *later]))
    assert read_parameter_file(file) == ParameterHistory(VALUES, {7: {"till_x": b"4"}, 0: {"till_x": b"5"}})


@pytest.mark.parametrize("event", [-1, "3", 2.5, True])
def test_an_event_that_is_no_number_is_refused(file, event):
    refused = refusal(file, [{"name": "till_x", "data": "3", "from_event": event}])
    assert refused == "parameter 'till_x': from_event must be the number of an event"


def test_a_change_that_stands_there_twice_is_refused(file):
    change = {"name": "till_x", "data": "3", "from_event": 7}
    assert refusal(file, [change, change]) == "parameter 'till_x' stands there twice for event 7"


def test_what_is_written_is_read_again(tmp_path):
    history = ParameterHistory(
        {"a": "Å\0\n".encode(), "b": b""}, {3: {"a": b"1"}, 9: {"b": b"2", "c": b"\xef\xbb\xbf"}}
    )
    path = write_parameter_file(tmp_path / "scan.1-parameters", history)
    assert path == tmp_path / "scan.1-parameters.json"
    assert read_parameter_file(path) == history
    binary = ParameterHistory(history.values, {3: {"mask": b"\x80\xff"}})
    path = write_parameter_file(tmp_path / "scan.1-parameters", binary)
    assert path == tmp_path / "scan.1-parameters.cbor"
    assert read_parameter_file(path) == binary
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    old = write_parameter_file(tmp_path / "p", ParameterHistory({"a": b"1"}))
    (tmp_path / "p.json.part").mkdir()
    with pytest.raises(OSError, match=r"p\.json\.part"):
        write_parameter_file(tmp_path / "p", ParameterHistory({"a": b"2"}))
    assert read_parameter_file(old).values == {"a": b"1"}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.binary(max_size=60).map(lambda b: b"\x80\x04" + b))
def test_any_bytes_give_parameters_or_a_clear_error(file, content):
    file.write_bytes(content)
    with contextlib.suppress(ParameterError):
        assert all(type(data) is bytes for data in read_parameter_file(file).values.values())
