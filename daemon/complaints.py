"""What pydantic has against a value, in plain words and at the place where it stands.

No message quotes a value that may be a secret: everything below ``providers`` and ``channels``, and every token,
cookie and URL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from daemon.marked import Where
from rules.spelling import did_you_mean, quoted

_GUARDED = frozenset({"providers", "channels", "token", "cookie", "url", "base_url"})
_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_KINDS: Mapping[type, str] = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a fraction"}
_CURES: Mapping[tuple[str, type], str] = {
    **dict.fromkeys((("text", int), ("text", float), ("text", bool)), ": put it in quotes"),
    ("text or true or false", int): ": put it in quotes",
    ("text", NoneType): ": fill it in, or leave the key out",
    ("a list", str): ": put it in [ ]",
    ("a list", dict): ": begin each entry with `- `",
    ("a mapping", list): ": leave out the `- `",
}
_LIMITS: Mapping[str, str] = {
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than": "expected less than {lt:g}",
    "less_than_equal": "expected {le:g} or less",
    "string_too_long": "expected {max_length} characters at most",
    "string_too_short": "expected something here: leave the key out, or fill it in",
    "too_short": "expected something here: leave the key out, or fill it in",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with the value at ``where``; ``at_key``: with its key, or with the absence of a key below it."""

    where: Where
    text: str
    at_key: bool = False


_Model = TypeVar("_Model", bound=BaseModel)


def understand(model: type[_Model], value: object, place: Where) -> tuple[_Model | None, list[Complaint]]:
    """``value``, which stands at ``place``, as a ``model``, and what is wrong with it.

    With faults it is what is left without the faulty parts, so that more faults show; None if that is no ``model``.
    """
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        faults = list(complaints(error, model, value, place))
    try:
        return model.model_validate(_without(value, [fault.where[len(place) :] for fault in faults])), faults
    except ValidationError:
        return None, faults


def _without(value: Any, places: Collection[Where]) -> Any:  # noqa: ANN401 - what the YAML held
    """A copy of ``value`` without the parts at ``places``; a list loses no single item, so that positions stay true."""
    below: dict[str | int, list[Where]] = {}
    for place in filter(None, places):
        below.setdefault(place[0], []).append(place[1:])
    if not isinstance(value, dict) or not below:
        return value
    return {
        key: _without(part, below.get(key, ()))
        for key, part in value.items()
        if key not in below or (isinstance(part, dict) and all(below[key]))
    }


def complaints(error: ValidationError, model: type[BaseModel], value: object, place: Where) -> Iterator[Complaint]:
    """One complaint a mistake; ``place`` is where ``value``, which should have been a ``model``, stands in the file.

    Where a value may be one of several things, only what is said about the likeliest of them is kept.
    """
    details = [(_real_path(detail["loc"], value), detail) for detail in error.errors(include_url=False)]
    others = [(where, detail) for where, detail in details if detail["type"] not in _EXPECTED]
    nearer = {where for where, _ in others} | {where[:length] for where, _ in details for length in range(len(where))}
    mistyped: dict[Where, list[ErrorDetails]] = {}
    for where, detail in details:
        if detail["type"] in _EXPECTED and where not in nearer:
            mistyped.setdefault(where, []).append(detail)
    yield from dict.fromkeys(_complaint(detail, model, where, place) for where, detail in others)
    for where, each in mistyped.items():
        wanted = " or ".join(dict.fromkeys(_EXPECTED[detail["type"]] for detail in each)) + _required(model, where)
        yield Complaint((*place, *where), _wrong_type(wanted, each[0]["input"], (*place, *where)))


def _real_path(loc: Sequence[str | int], value: Any) -> Where:  # noqa: ANN401 - what the YAML held
    """``loc`` without the names that pydantic gives to the members of a union, and without a missing key."""
    path: list[str | int] = []
    for part in loc:
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        if part in keys:
            value = value[part]
            path.append(part)
    return tuple(path)


def _complaint(detail: ErrorDetails, model: type[BaseModel], where: Where, place: Where) -> Complaint:
    whole = (*place, *where)
    if detail["type"] == "extra_forbidden":
        return Complaint(whole, _unknown_key(str(where[-1]), model, where[:-1]), at_key=True)
    if detail["type"] == "missing":
        return Complaint(whole, f"`{detail['loc'][-1]}` is missing", at_key=True)
    return Complaint(whole, _wrong_value(detail, _field(model, where), whole))


def _wrong_value(detail: ErrorDetails, field: FieldInfo | None, where: Where) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("enum", "literal_error"):
        return _not_one_of(str(context["expected"]), detail["input"], where)
    if kind == "string_pattern_mismatch":
        described = (field.description if field else None) or context["pattern"]
        return f"expected {described[:1].lower()}{described[1:].rstrip('.')}"
    if kind == "value_error":
        whole = isinstance(detail["input"], dict)  # then it is about several keys, and says which
        return f"{context['error']}{'' if whole else _got(detail['input'], where)}"
    if kind in _LIMITS:
        return _LIMITS[kind].format(**context)
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _unknown_key(key: str, model: type[BaseModel], where: Where) -> str:
    known = {field.alias or name for each in _models(model, where) for name, field in each.model_fields.items()}
    near = did_you_mean(key, frozenset(known)) or f"; known are {', '.join(sorted(known))}"
    return f"unknown key{quoted(key)}{near}"


def _not_one_of(expected: str, value: object, where: Where) -> str:
    known = re.findall(r"'([^']*)'", expected)
    near = did_you_mean(value, frozenset(known)) if isinstance(value, str) else ""
    return f"expected {' or '.join(filter(None, (', '.join(known[:-1]), known[-1])))}{_got(value, where)}{near}"


def _wrong_type(wanted: str, value: object, where: Where) -> str:
    got = _got(value, ("token",) if "a mapping" in wanted else where)
    return f"expected {wanted}{got}{_CURES.get((wanted, type(value)), '')}"


def _required(model: type[BaseModel], where: Where) -> str:
    fields = [item for each in _models(model, where) for item in each.model_fields.items()]
    names = [f"`{field.alias or name}`" for name, field in fields if field.is_required()]
    return f" with {' and '.join(names)}" if names else ""


def _got(value: object, where: Where) -> str:
    """What was there instead; in its own words only where it cannot be a secret."""
    if value is None or isinstance(value, bool):
        return f", got {'nothing' if value is None else str(value).lower()}"
    if isinstance(value, dict | list) or _GUARDED.intersection(where) or not str(value).isprintable():
        return f", got {_KINDS[type(value)]}"
    shown = str(value)[:40]
    return f", got text '{shown}'" if isinstance(value, str) else f", got the number {shown}"


def _field(model: type[BaseModel], where: Where) -> FieldInfo | None:
    for each in _models(model, where[:-1]):
        for name, field in each.model_fields.items():
            if where[-1:] == (field.alias or name,):
                return field
    return None


def _models(annotation: Any, where: Where) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - type forms have no type
    """The models that a value at ``where`` below ``annotation`` may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not where:
            yield annotation
        for name, field in annotation.model_fields.items():
            if where and where[0] == (field.alias or name):
                yield from _models(field.annotation, where[1:])
    elif get_origin(annotation) in (list, dict):
        if where:
            yield from _models(get_args(annotation)[-1], where[1:])
    else:
        for choice in get_args(annotation):
            yield from _models(choice, where) if choice is not NoneType else ()
