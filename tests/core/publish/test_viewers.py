"""What h5pyd and silx see in this process, also of a dict that changes while they look."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5pyd
import numpy as np
import pytest
import silx.io
from silx.io.nxdata import get_default

from dranspose.publish.http import Server

ROUNDS = 20


@contextmanager
def repeating(change: Callable[[int], object]) -> Iterator[None]:
    """Call ``change`` with 1, 2, 3, ... in another thread, at least once and until the end of the block."""
    done, begun = threading.Event(), threading.Event()

    def repeat() -> None:
        number = 0
        while not done.is_set():
            number += 1
            change(number)
            begun.set()

    thread = threading.Thread(target=repeat)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_silx_reads_the_tree(every_kind: dict[str, Any], serve: Callable[..., Server]) -> None:
    with silx.io.open(serve(every_kind).url) as file:
        assert silx.io.is_file(file)
        assert set(file) == {name for name in every_kind if not name.endswith("_attrs")}
        assert silx.io.is_group(file["group"])
        assert silx.io.is_dataset(file["image"])
        np.testing.assert_array_equal(file["image"][1:3, ::2], every_kind["image"][1:3, ::2])
        assert file["group/with space/in ner"].attrs["long name"] == "spät"
        assert silx.io.utils.h5py_read_dataset(file["text"], decode_ascii=True) == "grüß"


def test_silx_finds_the_plot(serve: Callable[..., Server]) -> None:
    publish = {
        "map": {"counts": [3, 1, 2], "x": [0.5, 1.0, 1.5], "x_attrs": {"units": "mm"}},
        "map_attrs": {"NX_class": "NXdata", "signal": "counts", "axes": ["x"]},
        "_attrs": {"NX_class": "NXroot", "default": "map"},
    }
    with silx.io.open(serve(publish).url) as file:
        plot = get_default(file)
        assert plot is not None
        assert plot.is_valid
        np.testing.assert_array_equal(plot.signal[()], [3, 1, 2])
        assert plot.axes_names == ["x (mm)"]


def test_a_plot_that_grows_is_read_as_it_was_listed() -> None:
    length = 0

    def published() -> tuple[dict[str, Any], None]:
        nonlocal length
        length += 1  # at each request
        data = {"counts": np.arange(length) * 2, "x": np.arange(length), "rows": np.ones((length, 3))}
        attributes = {"NX_class": "NXdata", "signal": "counts", "axes": ["x"]}
        return {"map": data, "map_attrs": attributes, "_attrs": {"default": "map"}}, None

    with Server(published) as server:
        for _ in range(3):
            with silx.io.open(server.url) as file:
                plot = get_default(file)
                assert plot is not None
                assert plot.is_valid
                np.testing.assert_array_equal(plot.signal[()], 2 * plot.axes[0][()])
                assert file["map/rows"].shape == (len(plot.signal), 3)
        with h5pyd.File(server.url) as file:
            counts = file["map/counts"]
            before = len(counts)
            counts.refresh()
            assert len(counts) > before


def test_a_plot_that_became_another_is_described_as_it_is(serve: Callable[..., Server]) -> None:
    publish: dict[str, Any] = {"map": {"counts": [1, 2, 3]}, "map_attrs": {"NX_class": "NXdata"}}
    with h5pyd.File(serve(publish).url) as file:
        group = file["map"]
        assert list(group) == ["counts"]
        publish["map"]["counts"] = [1.5]
        np.testing.assert_array_equal(group["counts"], [1.5])


def test_a_dataset_that_grows_is_read_as_it_was_opened(serve: Callable[..., Server]) -> None:
    publish: dict[str, Any] = {"history": [1, 2, 3], "map": np.zeros((2, 3))}
    with h5pyd.File(serve(publish).url) as file:
        history, grown = file["history"], file["map"]
        assert (history.shape, grown.shape) == ((3,), (2, 3))
        publish["history"].append(4)
        publish["map"] = np.ones((4, 5))
        np.testing.assert_array_equal(history[:], [1, 2, 3])
        np.testing.assert_array_equal(history[1:], [2, 3])
        np.testing.assert_array_equal(grown[...], np.ones((2, 3)))
        history.refresh()
        np.testing.assert_array_equal(history[:], [1, 2, 3, 4])


@pytest.mark.parametrize("now", [[1, 2], [1.5, 2.0, 3.0], [[1], [2], [3]], ["a", "b", "c"]])
def test_a_dataset_that_became_another_is_not_misread(now: Any, serve: Callable[..., Server]) -> None:
    publish: dict[str, Any] = {"x": [1, 2, 3]}
    with h5pyd.File(serve(publish).url) as file:
        dataset = file["x"]
        assert dataset.shape == (3,)
        publish["x"] = now
        with pytest.raises(OSError, match="409"):
            dataset[:]


def test_without_a_lock_each_answer_is_consistent(serve: Callable[..., Server]) -> None:
    publish: dict[str, Any] = {"frame": np.zeros((50, 60)), "rows": [[0, 0]] * 5}

    def reduce(number: int) -> None:
        publish["frame"] = np.full((50, 60), float(number))
        publish["rows"] = [[number, number]] * 5
        publish.pop(f"seldom {number - 7}", None)
        publish[f"seldom {number}"] = {"x": number}

    url = serve(publish).url
    with repeating(reduce):
        for _ in range(ROUNDS):
            with h5pyd.File(url) as file:
                assert {"frame", "rows"} <= set(file)
                assert np.unique(file["frame"][...]).size == 1
                assert np.unique(file["rows"][...]).size == 1


def test_a_growing_list_is_read_without_a_lock(serve: Callable[..., Server]) -> None:
    publish: dict[str, Any] = {"history": []}

    def grow(number: int) -> None:
        if number < 20_000:
            publish["history"].append(number)

    url = serve(publish).url
    with repeating(grow):
        for _ in range(ROUNDS):
            with h5pyd.File(url) as file:
                history = file["history"][:]
                np.testing.assert_array_equal(history, np.arange(1, len(history) + 1))


def test_under_the_lock_changes_in_place_are_seen_whole(serve: Callable[..., Server]) -> None:
    lock = threading.RLock()
    publish = {"sum": np.zeros((500, 500))}

    def reduce(_: int) -> None:
        with lock:
            publish["sum"][:250] += 1
            publish["sum"][250:] += 1

    url = serve(publish, lock).url
    with repeating(reduce):
        for _ in range(ROUNDS):
            with h5pyd.File(url) as file:
                assert np.unique(file["sum"][...]).size == 1
