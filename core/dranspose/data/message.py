"""The base of all typed messages: declared fields, checked, and whatever else the sender put in."""

from __future__ import annotations

import functools
import reprlib  # what holds values many times over is endless in a whole text
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from dranspose.event import fields_text


class MalformedFrameError(ValueError):
    """The frames of a stream are not what their protocol says; the text names the field or the frame."""


@dataclass(frozen=True, eq=False, repr=False)
class Message:
    """A message of a detector; fields that its class does not declare are attributes of the message too."""

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> Self:
        """Return the message with these fields.

        Raises:
            MalformedFrameError: a required field is missing, a declared one has another type, or an undeclared one has
                the name of something that the class has already.
        """
        declared = _declared(cls)  # type: ignore[arg-type]  # mypy takes type[Self] for unhashable
        for name, accepts in declared.items():
            if name not in given:
                if not hasattr(cls, name):
                    raise MalformedFrameError(f"{cls.__name__} lacks the field {name!r}")
            elif not accepts(given[name]):
                raise MalformedFrameError(f"{cls.__name__} cannot have {name} = {reprlib.repr(given[name]):.80}")
        for name in given:
            if not isinstance(name, str):
                raise MalformedFrameError(f"{cls.__name__} cannot have a field {name!r:.80}")
            if name not in declared and hasattr(cls, name):
                raise MalformedFrameError(f"{cls.__name__} cannot have a field {name!r}")
        message = cls.__new__(cls)
        message.__dict__.update(given)
        return message

    def __str__(self) -> str:
        return fields_text(self._shown())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({fields_text(self._shown(), ', ')})"

    def _shown(self) -> dict[str, Any]:
        hidden = {field.name for field in fields(self) if not field.repr}
        declared = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in {**declared, **vars(self)}.items() if name not in hidden}


@functools.cache
def _declared(cls: Any) -> Mapping[str, Callable[[Any], bool]]:
    """Return for each declared field the function that tells whether it accepts a value."""
    hints = get_type_hints(cls)
    return {field.name: _acceptance(hints[field.name]) for field in fields(cls)}


def _acceptance(hint: Any) -> Callable[[Any], bool]:
    if get_origin(hint) is Literal:
        return get_args(hint).__contains__
    if get_origin(hint) is types.UnionType:
        alternatives = [_acceptance(alternative) for alternative in get_args(hint)]
        return lambda value: any(accepts(value) for accepts in alternatives)
    if get_origin(hint) is list:
        accepts_item = _acceptance(get_args(hint)[0])
        return lambda value: isinstance(value, list) and all(map(accepts_item, value))
    if hint is Any:
        return lambda value: True
    if get_origin(hint) is dict:
        return lambda value: isinstance(value, dict)
    if hint is float:
        return lambda value: isinstance(value, float) or type(value) is int  # float64 is a float
    return lambda value: type(value) is hint
