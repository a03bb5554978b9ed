import logging
from collections import UserDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dranspose.publish.tree import MAX_ATTRIBUTE_BYTES, Node, Omissions, root
from dranspose.publish.values import UnpublishableError


def tree(publish: Any) -> Node:
    return root(publish, Omissions())


def shape_of(node: Node) -> Any:
    """Return the tree as nested dicts, each dataset as its value."""
    if node.is_group:
        return {name: shape_of(child) for name, child in node.children().items()}
    array = node.array()
    return None if array is None else array.tolist()


def test_dicts_are_groups_and_other_values_datasets() -> None:
    publish = {"a": 1, "detector": {"image": [[1, 2]], "deeper": {"x": None}}, "empty": {}}
    assert shape_of(tree(publish)) == publish


def test_attributes_stand_beside_what_they_belong_to() -> None:
    publish = {
        "image": [1],
        "image_attrs": {"units": "mm"},
        "group": {"x": 1, "x_attrs": {"axis": 2}},
        "group_attrs": {"NX_class": "NXdata"},
        "_attrs": {"default": "group"},
    }
    top = tree(publish)
    assert shape_of(top) == {"image": [1], "group": {"x": 1}}
    assert {path: top.descendant(path).attributes() for path in ("/", "/image", "/group", "/group/x")} == {
        "/": {"default": np.array("group", dtype=object)},
        "/image": {"units": np.array("mm", dtype=object)},
        "/group": {"NX_class": np.array("NXdata", dtype=object)},
        "/group/x": {"axis": np.array(2)},
    }


def test_a_value_that_is_no_dict_holds_no_attributes() -> None:
    assert shape_of(tree({"x": 1, "x_attrs": [1, 2]})) == {"x": 1, "x_attrs": [1, 2]}


@pytest.mark.parametrize(
    ("entry", "warning"),
    [
        ({3: 1}, "/3 is not published: the name of a group or dataset must be text"),
        ({("a", "b"): 1}, "/('a', 'b') is not published: the name of a group or dataset must be text"),
        ({"": 1}, "/ is not published: the name of a group or dataset must be text"),
        ({"\ud800": 1}, "/\ud800 is not published: the name of a group or dataset must be text"),
        ({"a/b": 1}, "/a/b is not published: a '/' in a name separates groups"),
        ({"..": {}}, "/.. is not published: it means another group in a path"),
        ({"when": np.datetime64(0, "s")}, "/when is not published: HDF5 has no dates and times"),
        ({"mixed": [1, "a"]}, "/mixed is not published: HDF5 has no type for int and str"),
        ({"gone_attrs": {"a": 1}}, "/gone_attrs is not published: it would hold attributes, but there is no 'gone'"),
        ({"in": {"_attrs": {"a": 1}}}, "/in/_attrs is not published: it would hold attributes, but there is no ''"),
    ],
)
def test_what_hdf5_cannot_hold_is_left_out_and_said_once(
    entry: dict[Any, Any], warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    top = tree({"good": 1, **entry, "better": [1.5]})
    for _ in range(3):
        found = shape_of(top)
    found.pop("in", None)
    assert found == {"good": 1, "better": [1.5]}
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert caplog.messages[0].startswith(warning)


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        (1, 1, "attribute 1 of /x is not published: the name of an attribute must be text"),
        ("mixed", [1, "a"], "attribute 'mixed' of /x is not published: HDF5 has no type"),
        ("mask", np.zeros(MAX_ATTRIBUTE_BYTES + 1, "u1"), "attribute 'mask' of /x is not published: an attribute has"),
        ("notes", ["note"] * 5000, "attribute 'notes' of /x is not published: an attribute has"),
        ("raw", b"\0", "attribute 'raw' of /x is not published: an attribute is numbers or text"),
        ("latin", b"\xe4", "attribute 'latin' of /x is not published: an attribute is numbers or text"),
    ],
)
def test_an_attribute_that_hdf5_cannot_hold_is_left_out(
    name: object, value: object, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    node = tree({"x": 1, "x_attrs": {name: value, "units": "mm"}}).descendant("/x")
    assert [*node.attributes(), *node.attributes()] == ["units", "units"]
    assert [message.startswith(warning) for message in caplog.messages] == [True]


def test_a_dict_within_itself_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    publish: dict[str, Any] = {"a": {"b": {"x": 1}}}
    publish["a"]["b"]["again"] = publish["a"]
    assert [node.path for node in tree(publish).walk()] == ["/", "/a", "/a/b", "/a/b/x"]
    assert "/a/b/again" in caplog.text


def test_the_same_dict_may_be_in_two_groups() -> None:
    shared = {"x": 1}
    assert shape_of(tree({"a": shared, "b": shared})) == {"a": {"x": 1}, "b": {"x": 1}}


@pytest.mark.parametrize("path", ["/no", "/a/no", "/x/no"])
def test_nothing_at_a_path(path: str) -> None:
    with pytest.raises(KeyError):
        tree({"a": {}, "x": 1}).descendant(path)


class Restless(UserDict[str, Any]):
    """Changes while it is gone through, the first few times."""

    disturbances = 3

    def __iter__(self) -> Iterator[str]:
        for key in list(self.data):
            if self.disturbances:
                self.disturbances -= 1
                raise RuntimeError("dictionary changed size during iteration")
            yield key


def test_a_dict_that_changes_while_it_is_read_is_read_again() -> None:
    assert shape_of(tree({"group": Restless(a=1, b=2)})) == {"group": {"a": 1, "b": 2}}


def test_a_value_that_never_keeps_still_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    class Unreadable:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            raise RuntimeError("changed")

    top = tree({"x": Unreadable(), "y": 1})
    assert shape_of(top) == {"y": 1}
    assert caplog.messages == ["/x is not published: it cannot be read: changed"]
    with pytest.raises(UnpublishableError):
        top.descendant("/x").array()
