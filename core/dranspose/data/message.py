"""The base of all typed messages: declared fields, checked, and whatever else the sender put in."""

from __future__ import annotations

import reprlib  # what holds values many times over is endless in a whole text
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

from dranspose.acceptance import field_acceptances
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
        declared = field_acceptances(cls)  # type: ignore[arg-type]  # mypy takes type[Self] for unhashable
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


M = TypeVar("M", bound=Message)


def message_of(classes: Sequence[type[M]], kind: str, given: Mapping[str, Any]) -> M:
    """Return the message with these fields, of the class that accepts what they have in the field ``kind``.

    Raises:
        MalformedFrameError: none does, or the one that does does not accept the other fields.
    """
    told = given.get(kind)
    for message_class in classes:
        if field_acceptances(message_class)[kind](told):  # type: ignore[arg-type]  # as in `from_fields`
            return message_class.from_fields(given)
    names = ", ".join(message_class.__name__ for message_class in classes)
    raise MalformedFrameError(f"{kind} = {reprlib.repr(told):.80} is that of no {names}")
