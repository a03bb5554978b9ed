"""The user's Worker and Reducer classes: found, made, and called, the same way in replay and live."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import math
import numbers
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import zmq

from dranspose.azint import fallback
from dranspose.event import EventData, InternalWorkerMessage, ResultData
from dranspose.multipart import COPIED_BELOW, Part
from dranspose.parameters import Descriptions, Parameter, merge_descriptions
from dranspose.protocol import EventNumber, ParameterName, ReducerState, WorkerName, WorkerState, WorkParameter

CALLERS = (__file__, importlib.__file__, "<frozen importlib")
"""The files in which a traceback is on its way to the user's code."""

Parameters = Mapping[ParameterName, WorkParameter]
Context = dict[Any, Any]
"""Belongs to one process and survives its instances, for sockets and for what goes on from scan to scan."""

Pickles = Sequence[Part]
"""A result on its way to the reducer: a pickle, and the large buffers that it refers to."""

OUT_OF_BAND_BYTES = COPIED_BELOW
"""From this size on a buffer travels beside the pickle: it need not be copied again when it is loaded."""


class AnalysisError(Exception):
    """A class cannot be found, or is not one that a pipeline can use; the text says what to change."""


class UserCodeError(Exception):
    """The user's code failed; ``__cause__`` is what it raised, ``event_number`` the event in hand, if there was one."""

    def __init__(self, text: str, event_number: EventNumber | None = None) -> None:
        super().__init__(text if event_number is None else f"{text} at event {event_number}")
        self.event_number = event_number

    def user_traceback(self) -> str:
        """Return the traceback of the cause from the first line of the user's own code on."""
        cause = self.__cause__
        if cause is None:
            return ""
        frames = cause.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename.startswith(CALLERS):
            frames = frames.tb_next
        return "".join(traceback.format_exception(type(cause), cause, frames))


def as_class(path_or_class: str | type) -> type:
    """Return a class as it is, and the class that a path names; raises as `load_class`."""
    return load_class(path_or_class) if isinstance(path_or_class, str) else path_or_class


def load_class(path: str) -> type:
    """Return the class that ``package.module:Class`` names; modules of the working directory come first.

    What it imports finds the built-in azint where no azint is installed.

    Raises:
        AnalysisError: the text has another form, or a part of the path is not found; says which.
        UserCodeError: the module raises while it is imported.
    """
    found: type = _load(path, "class", "src.worker:TestWorker", inspect.isclass)
    return found


def load_function(path: str) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` names, as `load_class` does a class."""
    found: Callable[..., Any] = _load(path, "function", "src.sample:image", inspect.isfunction)
    return found


def _load(path: str, kind: str, example: str, is_one: Callable[[object], bool]) -> Any:
    module_name, _, name = path.partition(":")
    if not (name and all(module_name.split("."))) or "/" in path:
        raise AnalysisError(f"{path!r} names no {kind}: write it as package.module:{kind.title()}, such as {example}")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    fallback.install()
    module = _import_module(path, module_name)
    found = getattr(module, name, None)
    if not is_one(found):
        own = sorted(n for n, v in vars(module).items() if is_one(v) and v.__module__ == module.__name__)
        what = f"no {kind}" if found is None else f"no {kind} but a {type(found).__name__}"
        plural = {"class": "classes", "function": "functions"}[kind]
        raise AnalysisError(
            f"{path}: there is {what} {name!r} in {_place(module)}; its {plural} are {', '.join(own) or 'none'}"
        )
    return found


def _import_module(path: str, module_name: str) -> ModuleType:
    """Import one package after the other, so that an error tells which part of the name there is not."""
    name, within = "", f"{Path.cwd()} or the Python path"
    for part in module_name.split("."):
        name = f"{name}.{part}" if name else part
        try:
            module = importlib.import_module(name)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and error.name == name:
                raise AnalysisError(f"{path}: no module {part!r} in {within}") from None
            raise UserCodeError(f"{path}: importing {name} failed") from error
        within = _place(module)
    return module


def _place(module: ModuleType) -> str:
    files = getattr(module, "__path__", None) or [getattr(module, "__file__", "Python itself")]
    return f"{module.__name__} ({', '.join(files)})"


Call = Callable[..., Any]
"""Calls a function of the user's with what it takes of the values that it is offered."""


def _call(function: Callable[..., Any], offers: int, positions: Sequence[int], keywords: Mapping[str, int]) -> Call:
    """Return what calls the function with the values at these places, of as many as are offered."""
    count = len(positions)
    if keywords:
        return lambda *offered: function(
            *[offered[i] for i in positions], **{n: offered[i] for n, i in keywords.items()}
        )
    if list(positions) == list(range(offers)):
        return function
    if list(positions) == list(range(count)):
        return lambda *offered: function(*offered[:count])
    return lambda *offered: function(*[offered[i] for i in positions])


def fit(function: Callable[..., Any], offered: tuple[str, ...], where: str, *, by_name: bool = False) -> Call:
    """Look at a function's signature and return how to call it with the values that are offered, in this order.

    An argument with the name of an offered value gets this one; other positional arguments get the next offered value
    that no argument names. What is left goes to ``*args``, if nothing goes by keyword, or to ``**kwargs``, or nowhere.

    Args:
        function: the user's function.
        offered: the names of the values, the most important first.
        where: the function's name in errors.
        by_name: pass values only to arguments with their names.

    Raises:
        AnalysisError: the function is none, or requires an argument that is not offered.
    """
    try:
        arguments = inspect.signature(function).parameters.values()
    except TypeError:
        raise AnalysisError(f"{where} is no function but {function!r:.60}") from None
    except ValueError:  # a function in C that does not tell
        places = {name: place for place, name in enumerate(offered)}
        if by_name:
            return _call(function, len(offered), (), places)
        return _call(function, len(offered), list(places.values()), {})
    named = {a.name for a in arguments if a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD)}
    unnamed = [i for i, name in enumerate(offered) if name not in named]
    positions: list[int] = []
    keywords: dict[str, int] = {}
    gap = False
    for argument in arguments:
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            continue
        by_position = argument.kind is not argument.KEYWORD_ONLY and not gap
        if argument.name in offered:
            index = offered.index(argument.name)
        elif unnamed and by_position and not by_name:
            index = unnamed.pop(0)
        elif argument.default is argument.empty:
            raise AnalysisError(
                f"{where} requires an argument {argument.name!r}; what it may take is {', '.join(offered)}"
            )
        else:
            gap = True
            continue
        if by_position:
            positions.append(index)
        else:
            keywords[argument.name] = index
    kinds = {argument.kind for argument in arguments}
    if inspect.Parameter.VAR_POSITIONAL in kinds and not (keywords or by_name):
        positions += unnamed
    elif inspect.Parameter.VAR_KEYWORD in kinds:
        keywords |= {offered[i]: i for i in unnamed}
    return _call(function, len(offered), positions, keywords)


class _Instance:
    """An instance of a user's class, with the hooks that Worker and Reducer have in common."""

    def __init__(self, user_class: type, parameters: Parameters, context: Context, state: object) -> None:
        self._class_name = _name(user_class)
        make = fit(user_class, ("parameters", "context", "state"), self._where("__init__"), by_name=True)
        self._instance = self._guarded("__init__", make, parameters, context, state)
        self._finish = self._hook("finish", ("parameters",))
        self._close = self._hook("close", ("context",))

    def finish(self, parameters: Parameters) -> None:
        """Call ``finish``, if there is one, at the end of a scan."""
        if self._finish is not None:
            self._guarded("finish", self._finish, parameters)

    def close(self, context: Context) -> None:
        """Call ``close``, if there is one, before the process ends."""
        if self._close is not None:
            self._guarded("close", self._close, context)

    @property
    def user_object(self) -> Any:
        """What the class made."""
        return self._instance

    @property
    def publish(self) -> Mapping[Any, Any]:
        """What the class publishes at present."""
        published = getattr(self._instance, "publish", None)
        return published if isinstance(published, Mapping) else {}

    @property
    def publish_rlock(self) -> contextlib.AbstractContextManager[object] | None:
        """What to hold while reading `publish`, if the class has it."""
        lock: contextlib.AbstractContextManager[object] | None = getattr(self._instance, "publish_rlock", None)
        return lock

    def _where(self, hook: str) -> str:
        return f"{hook} of {self._class_name}"

    def _hook(self, name: str, offered: tuple[str, ...]) -> Call | None:
        function = getattr(self._instance, name, None)
        return None if function is None else fit(function, offered, self._where(name))

    def _required_hook(self, name: str, offered: tuple[str, ...]) -> Call:
        hook = self._hook(name, offered)
        if hook is None:
            raise AnalysisError(f"class {self._class_name} has no {name}({', '.join(offered[:2])})")
        return hook

    def _guarded(self, name: str, hook: Call, *offered: Any) -> Any:
        try:
            return hook(*offered)
        except Exception as error:
            raise UserCodeError(f"{self._where(name)} failed") from error

    def _seconds(self, name: str, value: object) -> float:
        if isinstance(value, numbers.Real) and not math.isnan(value):
            return float(value)
        raise UserCodeError(f"{self._where(name)} returned {value!r:.60}, which is no number of seconds")


class Worker(_Instance):
    """One instance of the user's Worker class.

    Raises:
        AnalysisError: the class has no ``process_event``, or a hook requires what no hook gets.
        UserCodeError: the class's ``__init__`` raised; as any of the methods, when the hook raised.
    """

    def __init__(self, user_class: type, parameters: Parameters, context: Context, state: WorkerState) -> None:
        super().__init__(user_class, parameters, context, state)
        self.name = WorkerName(state.name)
        self._process_event = self._required_hook("process_event", ("event", "parameters", "tick"))
        self._get_tick_interval = self._hook("get_tick_interval", ("parameters",))

    def process_event(self, event: EventData, parameters: Parameters, *, tick: bool) -> Pickles | None:
        """Return what ``process_event`` returns, pickled, or None for None."""
        try:  # as _guarded does, without its cost for each event
            result = self._process_event(event, parameters, tick)
        except Exception as error:
            raise UserCodeError(f"{self._where('process_event')} failed", event.event_number) from error
        if result is None:
            return None
        try:
            return _pickled(result)
        except Exception as error:
            kind = f"{type(result).__module__}.{type(result).__qualname__}".removeprefix("builtins.")
            text = f"{self._where('process_event')} returned what cannot be pickled, a {kind},"
            raise UserCodeError(text, event.event_number) from error

    def tick_interval(self, parameters: Parameters) -> float | None:
        """Return how many seconds should pass between two ticks, None for a class that has no use for ticks."""
        if self._get_tick_interval is None:
            return None
        return self._seconds(
            "get_tick_interval", self._guarded("get_tick_interval", self._get_tick_interval, parameters)
        )


class Reducer(_Instance):
    """One instance of the user's Reducer class; raises as `Worker` does."""

    def __init__(self, user_class: type, parameters: Parameters, context: Context, state: ReducerState) -> None:
        super().__init__(user_class, parameters, context, state)
        self._process_result = self._required_hook("process_result", ("result", "parameters"))
        self._timer = self._hook("timer", ("parameters",))

    def process_result(self, result: ResultData, parameters: Parameters) -> None:
        """Call ``process_result``."""
        try:
            self._process_result(result, parameters)
        except Exception as error:
            raise UserCodeError(f"{self._where('process_result')} failed", result.event_number) from error

    def timer(self, parameters: Parameters) -> float | None:
        """Call ``timer``; return in how many seconds it wants to be called again, None for a class that has none."""
        if self._timer is None:
            return None
        return self._seconds("timer", self._guarded("timer", self._timer, parameters))


def _pickled(result: object) -> Pickles:
    large: list[bytearray] = []

    def stays_in_pickle(buffer: pickle.PickleBuffer) -> bool:
        content = buffer.raw()
        if content.nbytes < OUT_OF_BAND_BYTES:
            return True
        large.append(bytearray(content))  # a copy: the class may go on and change its array
        return False

    return [pickle.dumps(result, protocol=5, buffer_callback=stays_in_pickle), *large]


def unpickle(pickles: Pickles, event_number: EventNumber) -> Any:
    """Return what a worker's ``process_event`` returned; its large arrays are views of the buffers.

    Raises:
        UserCodeError: the pickle cannot be loaded here.
    """
    try:
        pickled, *buffers = [part.buffer if isinstance(part, zmq.Frame) else part for part in pickles]
        return pickle.loads(pickled, buffers=buffers)  # noqa: S301 - made by a worker of this pipeline
    except Exception as error:
        raise UserCodeError("the result of process_event cannot be unpickled", event_number) from error


def describe_parameters(*user_classes: type) -> Descriptions:
    """Return the parameters that the classes describe, by name.

    Raises:
        AnalysisError: ``describe_parameters`` returns anything but a list of parameters.
        UserCodeError: ``describe_parameters`` is not static, or raises.
        ParameterError: two classes describe the same parameter as different types.
    """
    described: list[Parameter[Any]] = []
    for user_class in user_classes:
        describe = getattr(user_class, "describe_parameters", None)
        if describe is None:
            continue
        where = f"describe_parameters of {_name(user_class)}"
        try:
            parameters = list(describe())
        except Exception as error:
            raise UserCodeError(f"{where} (a static method without arguments) failed") from error
        for parameter in parameters:
            if not isinstance(parameter, Parameter):
                raise AnalysisError(
                    f"{where} returned {parameter!r:.60}, which is none of the classes of dranspose.parameters"
                )
            described.append(parameter)
    return merge_descriptions(described)


def source_messages(user_class: type) -> list[Iterator[InternalWorkerMessage]]:
    """Return the inputs that a source class makes instead of captures.

    Raises:
        UserCodeError: the class has no ``get_source_generators`` or raises; as any of the iterators, when it raises, or
            yields anything else.
    """
    try:
        return [_checked(iter(messages), user_class) for messages in user_class().get_source_generators()]
    except Exception as error:
        raise UserCodeError(f"the source {_name(user_class)} failed") from error


def _checked(messages: Iterator[object], user_class: type) -> Iterator[InternalWorkerMessage]:
    try:
        for message in messages:
            if not isinstance(message, InternalWorkerMessage):
                raise TypeError(f"it yielded {message!r:.60}, which is no InternalWorkerMessage")
            yield message
    except Exception as error:
        raise UserCodeError(f"the source {_name(user_class)} failed") from error


def _name(user_class: type) -> str:
    return f"{user_class.__module__}:{user_class.__qualname__}"
