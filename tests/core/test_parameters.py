"""Parameters keep their type from text to value and back, and a version of them never changes."""

from __future__ import annotations

import hashlib
import math
import threading
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.parameters import (
    BinaryParameter,
    BoolParameter,
    FloatParameter,
    IntParameter,
    ParameterError,
    ParameterStore,
    ParameterVersion,
    StrParameter,
    check_agreement,
    merge_descriptions,
    parameters_hash,
    typed,
)
from dranspose.protocol import WorkParameter

VALUES = {
    IntParameter: st.integers(),
    FloatParameter: st.floats(allow_nan=False),
    StrParameter: st.text(),
    BoolParameter: st.booleans(),
    BinaryParameter: st.binary(),
}


@pytest.mark.parametrize(
    ("kind", "dtype", "default"),
    [
        (IntParameter, "int", 0),
        (FloatParameter, "float", 0.0),
        (StrParameter, "str", ""),
        (BoolParameter, "bool", False),
        (BinaryParameter, "binary", b""),
    ],
)
def test_each_type_has_its_name_and_its_default(kind, dtype, default):
    parameter = kind(name="p")
    assert parameter.dtype == dtype
    assert parameter.default == default
    assert type(parameter.default) is type(default)
    assert parameter.description is None


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_every_value_survives_as_bytes(kind, data):
    value = data.draw(VALUES[kind])
    parameter = kind(name="p")
    returned = parameter.from_bytes(parameter.to_bytes(value))
    assert returned == value
    assert type(returned) is type(value)
    assert kind(name="p", default=value).default == value


def test_not_a_number_is_a_float():
    assert math.isnan(FloatParameter(name="p", default=math.nan).default)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (IntParameter, b"3", 3),
        (IntParameter, b" -3\n", -3),
        (FloatParameter, b"3", 3.0),
        (FloatParameter, b"1e-10", 1e-10),
        (FloatParameter, b"inf", math.inf),
        (StrParameter, b" \xc3\xa9 ", " é "),
        (BoolParameter, b"True", True),
        (BoolParameter, b"true", True),
        (BoolParameter, b"1\n", True),
        (BoolParameter, b"False", False),
        (BoolParameter, b"0", False),
        (BinaryParameter, b"\x00\xff", b"\x00\xff"),
    ],
)
def test_text_that_fits(kind, text, value):
    returned = kind(name="p").from_bytes(text)
    assert returned == value
    assert type(returned) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        (IntParameter, b"three", "'three' is not int"),
        (IntParameter, b"3.0", "'3.0' is not int"),
        (IntParameter, b"", "'' is not int"),
        (IntParameter, b"9" * 5000, "and 4940 bytes more is not int"),
        (FloatParameter, b"1,5", "'1,5' is not float"),
        (FloatParameter, b"\xff", r"'\\xff' is not float"),
        (StrParameter, b"\xff\xfe", r"'\\xff\\xfe' is not str"),
        (BoolParameter, b"yes", "'yes' is not bool"),
        (BoolParameter, b"", "'' is not bool"),
        (BoolParameter, b"2", "'2' is not bool"),
    ],
)
def test_text_that_does_not_fit_is_named_with_its_parameter_and_type(kind, text, shown):
    parameter = kind(name="from_y")
    with pytest.raises(ParameterError) as error:
        parameter.from_bytes(text)
    assert str(error.value).startswith(f"parameter 'from_y' ({parameter.dtype}): ")
    assert str(error.value).endswith(shown)


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (IntParameter, 2.5),
        (IntParameter, None),
        (IntParameter, True),
        (FloatParameter, "fast"),
        (FloatParameter, None),
        (BoolParameter, "maybe"),
        (BoolParameter, None),
        (StrParameter, None),
        (StrParameter, 5),
        (StrParameter, b"bytes"),
        (StrParameter, "\ud800"),
        (BinaryParameter, "text"),
        (BinaryParameter, None),
        (BinaryParameter, 5),
    ],
)
def test_a_default_of_another_type_is_refused(kind, default):
    with pytest.raises(ParameterError, match="parameter 'p' "):
        kind(name="p", default=default)


@pytest.mark.parametrize(
    ("parameter", "fits", "beyond", "said"),
    [
        (IntParameter(name="p", minimum=-1), [b"-1", b"9" * 30], [b"-2"], "-2 is beyond its limits: minimum -1"),
        (FloatParameter(name="p", maximum=1), [b"1", b"-inf"], [b"1.5", b"inf", b"nan"], "limits: maximum 1.0"),
        (IntParameter(name="p", default=3, minimum=2, maximum=4), [b"2", b"4"], [b"1", b"5"], "minimum 2, maximum 4"),
    ],
)
def test_a_number_beyond_its_limits_is_refused(parameter, fits, beyond, said):
    for data in fits:
        parameter.from_bytes(data)
    for data in beyond:
        with pytest.raises(ParameterError, match=rf"parameter 'p' \({parameter.dtype}\): .*{said}"):
            ParameterStore(merge_descriptions([parameter]), {}).set("p", data)


@pytest.mark.parametrize(
    ("kind", "described", "said"),
    [
        (IntParameter, {"minimum": 1}, r"'p' \(int\): 0 is beyond its limits: minimum 1"),
        (IntParameter, {"minimum": 0.5}, r"'p' \(int\): the minimum 0.5 is not int"),
        (FloatParameter, {"maximum": "much"}, r"'p' \(float\): the maximum 'much' is not float"),
        (FloatParameter, {"minimum": 1, "maximum": -1}, "the minimum 1.0 is not below the maximum -1.0"),
        (FloatParameter, {"minimum": float("nan"), "maximum": 1}, "is not below"),
    ],
)
def test_limits_that_make_no_sense_are_refused(kind, described, said):
    with pytest.raises(ParameterError, match=said):
        kind(name="p", **described)


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        (IntParameter(name="p", default=np.int32(3)), 3),
        (FloatParameter(name="p", default=3), 3.0),
        (FloatParameter(name="p", default=np.float64(0.1)), 0.1),
        (BoolParameter(name="p", default=np.True_), True),
        (BinaryParameter(name="p", default=bytearray(b"ab")), b"ab"),
    ],
)
def test_a_default_of_a_kindred_type_becomes_the_type_itself(parameter, default):
    assert parameter.default == default
    assert type(parameter.default) is type(default)


def test_the_description_of_two_classes_is_one():
    merged = merge_descriptions(
        [
            IntParameter(name="till_x", default=2, description="of the worker"),
            FloatParameter(name="scale"),
            IntParameter(name="till_x", default=3, description="of the reducer"),
        ]
    )
    assert {name: p.dtype for name, p in merged.items()} == {"till_x": "int", "scale": "float"}
    assert merged["till_x"].description == "of the worker"


def test_one_name_cannot_have_two_types():
    with pytest.raises(ParameterError, match="'till_x' is described as int and as float"):
        merge_descriptions([IntParameter(name="till_x"), FloatParameter(name="till_x")])


def test_a_name_that_nobody_describes_has_only_its_data():
    assert typed({}, "poni_file", b"3") == WorkParameter("poni_file", b"3", None)


@given(values=st.dictionaries(st.text(), st.binary()), order=st.randoms())
def test_the_hash_does_not_depend_on_the_order(values, order):
    names = list(values)
    order.shuffle(names)
    assert parameters_hash({name: values[name] for name in names}) == parameters_hash(values)


@given(
    one=st.dictionaries(st.text("ab", max_size=3), st.binary(max_size=3), max_size=3),
    other=st.dictionaries(st.text("ab", max_size=3), st.binary(max_size=3), max_size=3),
)
def test_the_hash_tells_values_apart(one, other):
    assert (parameters_hash(one) == parameters_hash(other)) == (one == other)


def test_the_hash_knows_where_a_name_ends():
    assert len({parameters_hash(v) for v in ({"a": b"bc"}, {"ab": b"c"}, {"abc": b""}, {"a": b"", "bc": b""})}) == 4


def test_no_parameters_have_the_hash_of_nothing():
    assert parameters_hash({}) == hashlib.sha256(b"").hexdigest()


def test_setting_the_same_value_again_gives_the_same_hash():
    store = ParameterStore({}, {"a": b"1", "b": b"2"})
    before = store.version
    store.set("a", b"1")
    assert store.version.hash == before.hash


def test_the_store_begins_with_the_defaults_and_what_is_given():
    descriptions = merge_descriptions([IntParameter(name="till_x", default=2), IntParameter(name="from_y", default=8)])
    values = ParameterStore(descriptions, {"till_x": b"3", "poni_file": b"a.poni"}).version.values
    assert {name: (p.value, p.data) for name, p in values.items()} == {
        "till_x": (3, b"3"),
        "from_y": (8, b"8"),
        "poni_file": (None, b"a.poni"),
    }


def test_a_given_value_that_does_not_fit_is_refused():
    with pytest.raises(ParameterError, match=r"'till_x' \(int\): 'x' is not int"):
        ParameterStore(merge_descriptions([IntParameter(name="till_x")]), {"till_x": b"x"})


def test_a_change_makes_a_new_version_and_leaves_the_old_one():
    store = ParameterStore(merge_descriptions([IntParameter(name="till_x", default=2)]), {})
    old = store.version
    store.set("till_x", b"3")
    assert old.values["till_x"].value == 2
    assert old.hash == parameters_hash({"till_x": b"2"})
    assert store.version.values["till_x"].value == 3
    assert store.get("till_x") == b"3"


def test_a_refused_value_changes_nothing():
    store = ParameterStore(merge_descriptions([IntParameter(name="till_x", default=2)]), {})
    before = store.version
    with pytest.raises(ParameterError):
        store.set("till_x", b"x")
    assert store.version is before


def test_an_unknown_parameter_can_be_set_and_not_read_before():
    store = ParameterStore({}, {})
    with pytest.raises(KeyError):
        store.get("new")
    store.set("new", b"1")
    assert store.get("new") == b"1"


def test_a_version_keeps_the_last_of_two_values_of_one_name():
    version = ParameterVersion.of([WorkParameter("a", b"1"), WorkParameter("a", b"2")])
    assert version.hash == parameters_hash({"a": b"2"})


def test_no_change_of_several_threads_is_lost():
    store = ParameterStore({}, {})
    start = threading.Barrier(4)

    def change(thread: int) -> None:
        start.wait()
        for i in range(50):
            store.set(f"{thread}-{i}", b"1")

    threads = [threading.Thread(target=change, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.version.values) == 200
    assert store.version.hash == parameters_hash(dict.fromkeys(store.version.values, b"1"))


def test_a_store_describes_its_parameters_in_the_order_of_names() -> None:
    described = [IntParameter(name="till_x", default=2, description="rows"), BinaryParameter(name="poni")]
    assert ParameterStore(merge_descriptions(described), {}).describe() == [
        {"name": "poni", "dtype": "binary", "description": None, "default": None},
        {"name": "till_x", "dtype": "int", "description": "rows", "default": "2"},
    ]


def test_what_was_given_gets_its_type_with_its_description():
    store = ParameterStore({}, {"till_x": b"3"})
    store.set("scale", b"0.5")
    store.describe_as(merge_descriptions([IntParameter(name="till_x"), FloatParameter(name="scale")]))
    assert {name: p.value for name, p in store.version.values.items()} == {"till_x": 3, "scale": 0.5}
    before = store.version
    with pytest.raises(ParameterError, match=r"'scale' \(int\): '0.5' is not int"):
        store.describe_as(merge_descriptions([IntParameter(name="scale")]))
    assert store.version is before
    store.describe_as(merge_descriptions([IntParameter(name="from_y", default=8)]))
    assert {name: p.value for name, p in store.version.values.items()} == {"till_x": None, "scale": None, "from_y": 8}


@pytest.mark.parametrize(
    ("ours", "theirs", "same_class", "agree"),
    [
        (IntParameter(name="x"), FloatParameter(name="x"), False, False),
        (IntParameter(name="x", default=1), IntParameter(name="x", default=2), False, True),
        (IntParameter(name="x", default=1), IntParameter(name="x", default=2), True, False),
        (FloatParameter(name="x", default=float("nan")), FloatParameter(name="x", default=float("nan")), True, True),
        (IntParameter(name="x", description="new"), IntParameter(name="x"), True, True),
        (IntParameter(name="x"), FloatParameter(name="y"), True, True),
        (IntParameter(name="x"), IntParameter(name="x", minimum=0), True, False),
        (IntParameter(name="x"), IntParameter(name="x", minimum=0), False, True),
    ],
)
def test_two_nodes_describe_a_parameter_alike(ours, theirs, same_class, agree):
    with nullcontext() if agree else pytest.raises(ParameterError, match=r"'x' is described as .* but other:1"):
        check_agreement([ours], [theirs], "other:1", same_class=same_class)
