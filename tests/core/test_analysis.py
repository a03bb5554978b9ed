"""The user's classes are found by their paths, and their hooks get what their signatures ask for."""

from __future__ import annotations

import functools
import math
import pickle
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from tests.core.conftest import WriteModule
from tests.core.stins_messages import image, start

from dranspose import analysis
from dranspose.analysis import (
    OUT_OF_BAND_BYTES,
    AnalysisError,
    Reducer,
    UserCodeError,
    Worker,
    as_class,
    describe_parameters,
    fit,
    load_class,
    source_messages,
    unpickle,
)
from dranspose.event import EventData, ResultData
from dranspose.parameters import FloatParameter, IntParameter, ParameterError
from dranspose.protocol import (
    EventNumber,
    HashDigest,
    ParameterName,
    ReducerState,
    WorkerName,
    WorkerState,
    WorkParameter,
)

EVENT = ("event", "parameters", "tick")
INIT = ("parameters", "context", "state")
STATE = WorkerState("replay-worker-0", "1.0")
PARAMETERS = {ParameterName("till_x"): WorkParameter(ParameterName("till_x"), b"3", 3)}


# --- what a hook receives


def received(function: Callable[..., Any], offered: tuple[str, ...], **options: bool) -> Any:
    """Return what a function returns when each value offered to it is its own name in capitals."""
    return fit(function, offered, "process_event of src.worker:W", **options)(*[name.upper() for name in offered])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda event: event, "EVENT"),
        (lambda event, parameters=None: (event, parameters), ("EVENT", "PARAMETERS")),
        (
            lambda event, parameters=None, *args, **kwargs: (event, parameters, args, kwargs),
            ("EVENT", "PARAMETERS", ("TICK",), {}),
        ),
        (
            lambda event, parameters=None, tick=False, *args, **kwargs: (event, parameters, tick, args, kwargs),
            ("EVENT", "PARAMETERS", "TICK", (), {}),
        ),
        (
            lambda event, parameters, tick=False, **kwargs: (event, parameters, tick, kwargs),
            ("EVENT", "PARAMETERS", "TICK", {}),
        ),
        (lambda event, *args, **kwargs: (event, args, kwargs), ("EVENT", ("PARAMETERS", "TICK"), {})),
        (
            lambda event, *args, parameters=None, **kwargs: (event, args, parameters, kwargs),
            ("EVENT", (), "PARAMETERS", {"tick": "TICK"}),
        ),
        (lambda *args, **kwargs: (args, kwargs), (("EVENT", "PARAMETERS", "TICK"), {})),
        (lambda **kwargs: kwargs, {"event": "EVENT", "parameters": "PARAMETERS", "tick": "TICK"}),
        (lambda: "nothing", "nothing"),
        (lambda data, settings: (data, settings), ("EVENT", "PARAMETERS")),
        (lambda event, *, tick: (event, tick), ("EVENT", "TICK")),
        (lambda event, tick: (event, tick), ("EVENT", "TICK")),
        (lambda parameters, event: (parameters, event), ("PARAMETERS", "EVENT")),
        (lambda tick, data: (tick, data), ("TICK", "EVENT")),
        (lambda event, parameters, /: (event, parameters), ("EVENT", "PARAMETERS")),
        (lambda event, *rest, shown=True: (event, rest, shown), ("EVENT", ("PARAMETERS", "TICK"), True)),
        (lambda a, b, c, d=4: (a, b, c, d), ("EVENT", "PARAMETERS", "TICK", 4)),
        (lambda a, b, c=3, d=4, tick=None: (a, b, c, d, tick), ("EVENT", "PARAMETERS", 3, 4, "TICK")),
        (lambda a, b, /, c=3, **kwargs: (a, b, c, kwargs), ("EVENT", "PARAMETERS", "TICK", {})),
    ],
)
def test_process_event_receives_what_its_signature_takes(function: Callable[..., Any], expected: object) -> None:
    assert received(function, EVENT) == expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            lambda parameters, context, **kwargs: (parameters, context, kwargs),
            ("PARAMETERS", "CONTEXT", {"state": "STATE"}),
        ),
        (
            lambda parameters=None, *args, **kwargs: (parameters, args, kwargs),
            ("PARAMETERS", (), {"context": "CONTEXT", "state": "STATE"}),
        ),
        (lambda context, state, **kwargs: (context, state, kwargs), ("CONTEXT", "STATE", {"parameters": "PARAMETERS"})),
        (lambda **kwargs: kwargs, {"parameters": "PARAMETERS", "context": "CONTEXT", "state": "STATE"}),
        (
            lambda *args, **kwargs: (args, kwargs),
            ((), {"parameters": "PARAMETERS", "context": "CONTEXT", "state": "STATE"}),
        ),
        (lambda *args: args, ()),
        (lambda: "nothing", "nothing"),
        (lambda state: state, "STATE"),
        (lambda state, /: state, "STATE"),
        (lambda pixels=10, context=None: (pixels, context), (10, "CONTEXT")),
    ],
)
def test_init_receives_what_its_signature_names(function: Callable[..., Any], expected: object) -> None:
    assert received(function, INIT, by_name=True) == expected


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: "nothing", "nothing"),
        (lambda parameters=None: parameters, "PARAMETERS"),
        (lambda settings: settings, "PARAMETERS"),
        (lambda **kwargs: kwargs, {"parameters": "PARAMETERS"}),
    ],
)
def test_timer_and_finish_receive_the_parameters_if_they_take_them(
    function: Callable[..., Any], expected: object
) -> None:
    assert received(function, ("parameters",)) == expected


class Hooks:
    """Hooks of all kinds that a class may have."""

    @staticmethod
    def static(event: Any, tick: Any) -> Any:
        return event, tick

    @classmethod
    def of_class(cls, event: Any, parameters: Any) -> Any:
        return cls, event, parameters

    def __call__(self, parameters: Any) -> Any:
        return parameters

    def _method(self, scale: Any, event: Any, parameters: Any = None) -> Any:
        return scale, event, parameters

    partial = functools.partialmethod(_method, 2)


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return "logged", function(*args, **kwargs)

    return wrapper


@logged
def decorated(event: Any, *, parameters: Any) -> Any:
    return event, parameters


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Hooks().static, ("EVENT", "TICK")),
        (Hooks().of_class, (Hooks, "EVENT", "PARAMETERS")),
        (Hooks().partial, (2, "EVENT", "PARAMETERS")),
        (Hooks(), "PARAMETERS"),
        (functools.partial(Hooks.static, "first"), ("first", "TICK")),
        (
            functools.partial(lambda event, scale, parameters: (event, scale, parameters), scale=2),
            ("EVENT", 2, "PARAMETERS"),
        ),
        (decorated, ("logged", ("EVENT", "PARAMETERS"))),
        (len, len("EVENT")),
        (max, "TICK"),  # in C, without a signature: gets everything
    ],
)
def test_every_kind_of_function_can_be_a_hook(function: Callable[..., Any], expected: object) -> None:
    assert received(function, EVENT) == expected


def test_a_function_without_signature_is_made_by_keywords_where_names_count() -> None:
    class Attributes(dict[str, Any]):
        pass

    assert received(Attributes, INIT, by_name=True) == {name: name.upper() for name in INIT}


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (lambda event, parameters, tick, config: None, "config"),
        (lambda event, *, config: None, "config"),
        (lambda config, event, parameters, tick, more: None, "config"),
    ],
)
def test_an_argument_that_nothing_fills_is_named(function: Callable[..., Any], argument: str) -> None:
    with pytest.raises(
        AnalysisError,
        match=f"^process_event of src.worker:W requires an argument '{argument}'; "
        "what it may take is event, parameters, tick$",
    ):
        fit(function, EVENT, "process_event of src.worker:W")


def test_init_gets_nothing_that_it_does_not_name() -> None:
    with pytest.raises(
        AnalysisError, match=r"requires an argument 'config'; what it may take is parameters, context, state$"
    ):
        received(lambda config: None, INIT, by_name=True)


def test_a_hook_that_is_no_function_is_named() -> None:
    with pytest.raises(AnalysisError, match=r"^finish of src.worker:W is no function but 'done'$"):
        fit("done", ("parameters",), "finish of src.worker:W")


ARGUMENTS = st.lists(st.sampled_from([*EVENT, "a", "b", "c", "d"]), unique=True, max_size=5)


@given(ARGUMENTS, st.data())
def test_a_function_is_called_with_each_value_once_and_by_its_name(names: list[str], data: st.DataObject) -> None:
    keyword_only = data.draw(st.integers(0, len(names)))
    optional = data.draw(st.integers(0, keyword_only))
    rest, more = data.draw(st.booleans()), data.draw(st.booleans())
    arguments = [name if i < optional else f"{name}=None" for i, name in enumerate(names)]
    arguments.insert(keyword_only, "*rest" if rest else "*")
    if not rest and keyword_only == len(names):
        arguments.pop()
    if more:
        arguments.append("**more")
    returned = ", ".join([*(f"'{name}': {name}" for name in names), *["'rest': rest"] * rest, *["'more': more"] * more])
    function = eval(f"lambda {', '.join(arguments)}: {{{returned}}}")

    required = names[:optional]
    if len(required) > len(EVENT) or sum(name not in EVENT for name in required) > sum(n not in names for n in EVENT):
        with pytest.raises(AnalysisError):
            fit(function, EVENT, "hook")
        return
    got: dict[str, Any] = received(function, EVENT)
    values = [*got.pop("rest", ()), *got.pop("more", {}).values(), *(v for v in got.values() if v is not None)]
    assert len(values) == len(set(values))
    assert all(got[name] == name.upper() for name in names if name in EVENT)
    assert all(got[name] is not None for name in required)


# --- classes by their paths


def test_a_class_is_found_in_the_working_directory(write_module: WriteModule) -> None:
    write_module("src/worker.py", "class TestWorker: pass")
    found = load_class("src.worker:TestWorker")
    assert (found.__name__, found.__module__) == ("TestWorker", "src.worker")
    assert as_class("src.worker:TestWorker") is as_class(found) is found


def test_modules_of_a_package_import_each_other(write_module: WriteModule) -> None:
    write_module("src/worker.py", "class Start: pass")
    write_module("src/reducer.py", "from .worker import Start\nclass TestReducer: start = Start")
    assert load_class("src.reducer:TestReducer").start is load_class("src.worker:Start")


@pytest.mark.parametrize(
    "path", ["src.worker", "src.worker:", ":TestWorker", "src..worker:T", ".src:T", "src/worker.py:T", "", ":"]
)
def test_a_path_of_another_form_is_refused_with_an_example(path: str, write_module: WriteModule) -> None:
    with pytest.raises(AnalysisError, match=f"^'{path}' names no class: write it as package.module:Class, such as"):
        load_class(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("srk.worker:TestWorker", "no module 'srk' in {here} or the Python path"),
        ("src.walker:TestWorker", "no module 'walker' in src ({here}/src)"),
        ("src.worker.deeper:TestWorker", "no module 'deeper' in src.worker ({here}/src/worker.py)"),
        (
            "src.worker:TestWalker",
            "there is no class 'TestWalker' in src.worker ({here}/src/worker.py); its classes are Start, TestWorker",
        ),
        (
            "src.worker:make",
            "there is no class but a function 'make' in src.worker ({here}/src/worker.py); "
            "its classes are Start, TestWorker",
        ),
        ("src:TestWorker", "there is no class 'TestWorker' in src ({here}/src); its classes are none"),
        ("sys:TestWorker", "there is no class 'TestWorker' in sys (Python itself); its classes are none"),
    ],
)
def test_the_wrong_part_of_a_path_is_named(path: str, text: str, write_module: WriteModule) -> None:
    file = write_module(
        "src/worker.py",
        """
        from pathlib import Path
        def make(): pass
        class TestWorker: pass
        class Start: pass
        """,
    )
    with pytest.raises(AnalysisError) as caught:
        load_class(path)
    assert str(caught.value) == f"{path}: {text.format(here=file.parents[1])}"


@pytest.mark.parametrize(
    ("name", "code", "failed", "last"),
    [
        ("src/worker.py", "import not_there", "src.worker", "ModuleNotFoundError: No module named 'not_there'"),
        ("src/worker.py", "import src.not_there", "src.worker", "ModuleNotFoundError: No module named 'src.not_there'"),
        ("src/worker.py", "\n1 / 0", "src.worker", "ZeroDivisionError: division by zero"),
        ("src/__init__.py", "import not_there", "src", "ModuleNotFoundError: No module named 'not_there'"),
        ("src/worker.py", "class TestWorker:\n", "src.worker", "IndentationError: expected an indented block"),
    ],
)
def test_a_module_that_fails_shows_its_own_traceback(
    name: str, code: str, failed: str, last: str, write_module: WriteModule
) -> None:
    file = write_module(name, code)
    with pytest.raises(UserCodeError) as caught:
        load_class("src.worker:TestWorker")
    assert str(caught.value) == f"src.worker:TestWorker: importing {failed} failed"
    shown = caught.value.user_traceback()
    assert files_of(shown) == [str(file)]
    assert shown.splitlines()[-1].startswith(last)


def test_the_traceback_of_an_import_within_the_user_s_code_is_whole(write_module: WriteModule) -> None:
    helper = write_module("src/numbers_of_mine.py", "1 / 0")
    worker = write_module("src/worker.py", "from .numbers_of_mine import x")
    with pytest.raises(UserCodeError) as caught:
        load_class("src.worker:TestWorker")
    shown = files_of(caught.value.user_traceback())
    assert (shown[0], shown[-1]) == (str(worker), str(helper))


def files_of(traceback: str) -> list[str]:
    return [line.split('"')[1] for line in traceback.splitlines() if line.startswith('  File "')]


# --- hooks of Worker and Reducer


def event(number: int = 7) -> EventData:
    return EventData(EventNumber(number), start().streams)


def result(payload: object, number: int = 7) -> ResultData:
    return ResultData(EventNumber(number), WorkerName("w"), HashDigest(""), payload)


def worker_of(user_class: type, context: dict[Any, Any] | None = None) -> Worker:
    return Worker(user_class, PARAMETERS, {} if context is None else context, STATE)


def reducer_of(user_class: type, context: dict[Any, Any] | None = None) -> Reducer:
    return Reducer(user_class, PARAMETERS, {} if context is None else context, ReducerState("reducer", "1.0"))


def test_a_class_is_made_with_parameters_context_and_state() -> None:
    class W:
        def __init__(self, **given: object) -> None:
            context["given"] = given

        def process_event(self, event: EventData) -> None: ...

    context: dict[Any, Any] = {}
    worker = worker_of(W, context)
    assert worker.name == STATE.name
    assert context["given"] == {"parameters": PARAMETERS, "context": context, "state": STATE}


def test_results_are_pickled_and_nothing_stays_nothing() -> None:
    class W:
        def process_event(self, event: EventData, parameters: Mapping[str, WorkParameter], tick: bool) -> object:
            return (parameters["till_x"].value, tick) if event.event_number else None

    worker = worker_of(W)
    assert worker.process_event(event(0), PARAMETERS, tick=True) is None
    pickles = worker.process_event(event(1), PARAMETERS, tick=True)
    assert pickles is not None
    assert unpickle(pickles, EventNumber(1)) == (3, True)


@pytest.mark.parametrize("size", [1, OUT_OF_BAND_BYTES - 1, OUT_OF_BAND_BYTES, 3 * OUT_OF_BAND_BYTES])
def test_a_result_is_what_it_was_when_it_was_returned(size: int) -> None:
    class W:
        def __init__(self) -> None:
            self.sums = np.zeros(size, np.uint8)

        def process_event(self) -> Any:
            self.sums += 1
            return {"sums": self.sums}

    worker = worker_of(W)
    first = worker.process_event(event(1), {}, tick=False)
    second = worker.process_event(event(2), {}, tick=False)
    assert first is not None
    assert second is not None
    assert len(first) == (2 if size >= OUT_OF_BAND_BYTES else 1)
    for pickles, value in ((first, 1), (second, 2)):
        sums = unpickle(pickles, EventNumber(1))["sums"]
        assert sums.shape == (size,)
        assert (sums == value).all()
        sums += 1  # as the reducer may


def test_a_result_is_unpickled_from_what_a_socket_receives() -> None:
    class W:
        def process_event(self) -> Any:
            image = np.arange(OUT_OF_BAND_BYTES, dtype=np.uint16).reshape(2, -1)
            image.flags.writeable = False
            return np.asfortranarray(image), image

    pickles = worker_of(W).process_event(event(1), {}, tick=False)
    assert pickles is not None
    turned, image = unpickle([zmq.Frame(bytes(part)) for part in pickles], EventNumber(1))
    assert image.tolist() == turned.tolist() == np.arange(OUT_OF_BAND_BYTES).reshape(2, -1).tolist()
    assert (image.flags.writeable, turned.flags.f_contiguous) == (False, True)


def test_optional_hooks_may_be_missing_or_none() -> None:
    class W:
        finish = None

        def process_event(self) -> None: ...

    class R:
        def process_result(self) -> None: ...

    worker, reducer = worker_of(W), reducer_of(R)
    assert worker.tick_interval({}) is None
    assert reducer.timer({}) is None
    assert reducer.publish == {}
    assert reducer.publish_rlock is None
    for node in (worker, reducer):
        node.finish({})
        node.close({})


@pytest.mark.parametrize(("make", "hook"), [(worker_of, "process_event(event"), (reducer_of, "process_result(result")])
def test_a_class_without_its_hook_is_refused(make: Callable[[type], object], hook: str) -> None:
    class Empty:
        pass

    with pytest.raises(AnalysisError, match=r"^class .*:.*Empty has no ") as caught:
        make(Empty)
    assert f"has no {hook}, parameters)" in str(caught.value)


def test_a_hook_that_asks_for_too_much_is_refused_when_the_class_is_made() -> None:
    class W:
        def process_event(self, event: EventData) -> None: ...

        def finish(self, parameters: object, file: object) -> None: ...

    with pytest.raises(AnalysisError, match=r"^finish of .*:.*W requires an argument 'file'"):
        worker_of(W)


@pytest.mark.parametrize("name", ["__init__", "process_event", "get_tick_interval", "finish", "close"])
def test_a_failure_names_hook_class_and_event_and_shows_the_user_s_traceback(
    name: str, write_module: WriteModule
) -> None:
    file = write_module(
        "src/worker.py",
        f"""
        def fail():
            raise KeyError("till_y")

        class TestWorker:
            def process_event(self, event):
                pass

            def {name}(self, *args, **kwargs):
                return fail()
        """,
    )

    def call() -> None:
        worker = worker_of(load_class("src.worker:TestWorker"))
        worker.process_event(event(7), PARAMETERS, tick=False)
        worker.tick_interval(PARAMETERS)
        worker.finish(PARAMETERS)
        worker.close({})

    with pytest.raises(UserCodeError) as caught:
        call()
    at, number = (" at event 7", 7) if name == "process_event" else ("", None)
    assert str(caught.value) == f"{name} of src.worker:TestWorker failed{at}"
    assert caught.value.event_number == number
    shown = caught.value.user_traceback()
    assert files_of(shown) == [str(file), str(file)]
    assert shown.startswith("Traceback (most recent call last):\n")
    assert f", line 10, in {name}\n    return fail()\n" in shown
    assert shown.endswith("KeyError: 'till_y'\n")


def test_failures_of_the_reducer_name_their_hook() -> None:
    class R:
        def process_result(self, result: ResultData) -> None:
            raise ValueError("a")

        def timer(self) -> float:
            raise ValueError("b")

    reducer = reducer_of(R)
    with pytest.raises(UserCodeError, match=r"^process_result of .*R failed at event 7$"):
        reducer.process_result(result(1), {})
    with pytest.raises(UserCodeError, match=r"^timer of .*R failed$"):
        reducer.timer({})


@pytest.mark.parametrize(
    ("payload", "kind"), [(lambda: 1, "function"), ((i for i in "a"), "generator"), (analysis, "module")]
)
def test_a_result_that_cannot_be_pickled_names_event_and_type(payload: object, kind: str) -> None:
    class W:
        def process_event(self, event: EventData) -> object:
            return payload

    with pytest.raises(
        UserCodeError,
        match=rf"^process_event of .*W returned what cannot be pickled, a {kind}, at event 7$",
    ):
        worker_of(W).process_event(event(7), {}, tick=False)


def test_a_result_of_a_class_within_a_function_cannot_be_pickled() -> None:
    class Local:
        pass

    class W:
        def process_event(self, event: EventData) -> object:
            return Local()

    with pytest.raises(UserCodeError, match=r"cannot be pickled, a .*test_analysis\..*<locals>\.Local, at") as caught:
        worker_of(W).process_event(event(7), {}, tick=False)
    assert "Can't" in caught.value.user_traceback()


class FailsToLoad:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_a_result_that_cannot_be_unpickled_names_the_event() -> None:
    with pytest.raises(UserCodeError, match=r"^the result of process_event cannot be unpickled at event 7$") as caught:
        unpickle([pickle.dumps(FailsToLoad())], EventNumber(7))
    assert "invalid literal for int()" in caught.value.user_traceback()


@pytest.mark.parametrize("seconds", [0, 2, 0.5, -1, Fraction(1, 2), np.float32(0.5), np.int64(3), math.inf])
def test_seconds_may_be_any_number(seconds: Any) -> None:
    class R:
        def process_result(self) -> None: ...

        def timer(self) -> object:
            return seconds

    class W:
        def process_event(self) -> None: ...

        def get_tick_interval(self, parameters: object) -> object:
            return seconds

    assert reducer_of(R).timer({}) == float(seconds)
    assert worker_of(W).tick_interval({}) == float(seconds)


@pytest.mark.parametrize("nonsense", [None, "1", math.nan, 1j, [1]])
def test_anything_else_is_no_number_of_seconds(nonsense: object) -> None:
    class R:
        def process_result(self) -> None: ...

        def timer(self) -> object:
            return nonsense

    with pytest.raises(UserCodeError, match=r"^timer of .*R returned .*, which is no number of seconds$"):
        reducer_of(R).timer({})


@pytest.mark.parametrize(
    ("hook", "seconds"), [(lambda self: 0.5, 0.5), (lambda self, parameters: parameters["till_x"].value, 3)]
)
def test_the_tick_interval_may_depend_on_parameters(hook: Callable[..., float], seconds: float) -> None:
    user_class = type("W", (), {"process_event": lambda self: None, "get_tick_interval": hook})
    assert worker_of(user_class).tick_interval(PARAMETERS) == seconds


def test_what_a_reducer_publishes_is_what_it_has_at_the_moment() -> None:
    class R:
        def __init__(self) -> None:
            self.publish: object = {"a": 1}

        def process_result(self, result: ResultData) -> None:
            self.publish = result.payload

    reducer = reducer_of(R)
    assert reducer.publish == {"a": 1}
    reducer.process_result(result({"b": 2}), {})
    assert reducer.publish == {"b": 2}
    reducer.process_result(result("nothing to publish"), {})
    assert reducer.publish == {}


# --- descriptions of parameters


def describing(*described: object) -> type:
    return type("Describing", (), {"describe_parameters": staticmethod(lambda: described)})


def test_parameters_of_all_classes_are_one_set() -> None:
    till_x, limit = IntParameter(name="till_x", default=2), FloatParameter(name="limit")
    merged = describe_parameters(describing(till_x), describing(limit, till_x), object)
    assert merged == {"till_x": till_x, "limit": limit}


def test_one_parameter_cannot_have_two_types() -> None:
    with pytest.raises(ParameterError, match="'till_x' is described as int and as float"):
        describe_parameters(describing(IntParameter(name="till_x")), describing(FloatParameter(name="till_x")))


def test_what_is_no_parameter_is_refused() -> None:
    with pytest.raises(
        AnalysisError, match=r"returned {'name': 'till_x'}, which is none of the classes of dranspose.p"
    ):
        describe_parameters(describing({"name": "till_x"}))


def test_a_class_method_may_describe_parameters() -> None:
    class W:
        limit = IntParameter(name="limit")

        @classmethod
        def describe_parameters(cls) -> list[IntParameter]:
            return [cls.limit]

    assert describe_parameters(W) == {"limit": W.limit}


def test_a_describe_parameters_that_is_not_static_is_refused() -> None:
    class W:
        def describe_parameters(self) -> list[object]:
            return []

    with pytest.raises(UserCodeError, match=r"W \(a static method without arguments\) failed") as caught:
        describe_parameters(W)
    assert "missing 1 required positional argument: 'self'" in caught.value.user_traceback()


def test_a_describe_parameters_that_fails_shows_where(write_module: WriteModule) -> None:
    file = write_module(
        "src/worker.py",
        """
        from dranspose.parameters import IntParameter

        class TestWorker:
            @staticmethod
            def describe_parameters():
                return [IntParameter(name="till_x", default="two")]
        """,
    )
    with pytest.raises(UserCodeError) as caught:
        describe_parameters(load_class("src.worker:TestWorker"))
    shown = caught.value.user_traceback()
    assert files_of(shown)[0] == str(file)
    assert "parameter 'till_x' (int): 'two' is not int" in shown


# --- sources


def test_a_source_gives_its_messages() -> None:
    class Source:
        def get_source_generators(self) -> list[Any]:
            return [iter([start(0), image(1)]), [start(0, "pcap")]]

    assert [list(messages) for messages in source_messages(Source)] == [[start(0), image(1)], [start(0, "pcap")]]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, "AttributeError: 'Source' object has no attribute 'get_source_generators'"),
        ({"get_source_generators": lambda self: 1 / 0}, "ZeroDivisionError: division by zero"),
        ({"__init__": lambda self, path: None}, "TypeError"),
        ({"get_source_generators": lambda self: [1]}, "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_source_that_cannot_be_made_is_the_user_s_failure(members: dict[str, Any], text: str) -> None:
    with pytest.raises(UserCodeError, match=r"^the source .*:Source failed$") as caught:
        source_messages(type("Source", (), members))
    assert text in caught.value.user_traceback()


def test_a_source_may_yield_messages_only() -> None:
    class Source:
        def get_source_generators(self) -> list[Any]:
            return [iter([start(0), b"header"])]

    (messages,) = source_messages(Source)
    assert next(messages) == start(0)
    with pytest.raises(UserCodeError) as caught:
        next(messages)
    assert "TypeError: it yielded b'header', which is no InternalWorkerMessage\n" in caught.value.user_traceback()
