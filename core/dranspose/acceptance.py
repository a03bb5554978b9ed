"""Whether a value from outside is what a type hint says: for messages, whose fields are declared in dataclasses."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Literal, NewType, get_args, get_origin, get_type_hints

Accepts = Callable[[Any], bool]


@functools.cache
def field_acceptances(cls: Any) -> Mapping[str, Accepts]:
    """Return for each field of a dataclass the function that tells whether it accepts a value."""
    hints = get_type_hints(cls)
    return {field.name: acceptance(hints[field.name]) for field in fields(cls)}


def acceptance(hint: Any) -> Accepts:
    """Return the function that tells whether a value is what a hint says.

    An int is a float too. Of other classes only the class itself is accepted, no subclass.
    """
    if hint is Any:
        return lambda value: True
    if isinstance(hint, NewType):
        return acceptance(hint.__supertype__)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return arguments.__contains__
    if origin is types.UnionType:
        alternatives = [acceptance(alternative) for alternative in arguments]
        return lambda value: any(accepts(value) for accepts in alternatives)
    if origin is tuple and arguments[-1] is not ...:
        items = [acceptance(argument) for argument in arguments]
        return lambda value: (
            type(value) is tuple
            and len(value) == len(items)
            and all(accepts(item) for accepts, item in zip(items, value, strict=True))
        )
    if origin in (list, tuple):
        accepts_item = acceptance(arguments[0])
        return lambda value: isinstance(value, origin) and all(map(accepts_item, value))
    if origin is dict:
        accepts_key, accepts_value = map(acceptance, arguments)
        return lambda value: (
            isinstance(value, dict) and all(map(accepts_key, value)) and all(map(accepts_value, value.values()))
        )
    if origin is not None:
        return lambda value: isinstance(value, origin)
    if hint is float:
        return lambda value: isinstance(value, float) or type(value) is int  # float64 is a float
    return lambda value: type(value) is hint
