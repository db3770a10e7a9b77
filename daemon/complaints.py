"""What pydantic has against a value, in plain words and at the place where it stands.

No message quotes a value that may be a secret: everything below ``providers`` and ``channels``, and every token,
cookie and URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from daemon.marked import Where
from rules.expression import did_you_mean

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
_KINDS: Mapping[type, str] = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number"}
_LIMITS: Mapping[str, str] = {
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "string_too_long": "expected {max_length} characters at most",
    "too_short": "expected something here: leave the key out, or fill it in",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with the value at ``where``; ``at_key``: with its key, or with the absence of a key below it."""

    where: Where
    text: str
    at_key: bool = False


def complaints(error: ValidationError, model: type[BaseModel], value: object, place: Where) -> Iterator[Complaint]:
    """One complaint a mistake; ``place`` is where ``value``, which should have been a ``model``, stands in the file.

    Where a value may be one of several things, only what is said about the likeliest of them is kept.
    """
    details = [(_real_path(detail["loc"], value), detail) for detail in error.errors(include_url=False)]
    told = set()
    for where, detail in details:
        if detail["type"] in _EXPECTED:
            if any(other is not detail and _is_nearer(at, other, where) for at, other in details):
                continue
            wanted = dict.fromkeys(_EXPECTED[each["type"]] for at, each in details if at == where)
            complaint = Complaint((*place, *where), _wrong_type(" or ".join(wanted), detail["input"], (*place, *where)))
        else:
            complaint = _complaint(detail, model, where, place)
        if complaint not in told:
            told.add(complaint)
            yield complaint


def _is_nearer(at: Where, detail: ErrorDetails, where: Where) -> bool:
    return at[: len(where)] == where and (len(at) > len(where) or detail["type"] not in _EXPECTED)


def _real_path(loc: Sequence[str | int], value: Any) -> Where:  # noqa: ANN401 - what the YAML held
    """``loc`` without the names that pydantic gives to the members of a union, and without a missing key."""
    path: list[str | int] = []
    for part in loc:
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            path.append(part)
            value = value[part]
    return tuple(path)


def _complaint(detail: ErrorDetails, model: type[BaseModel], where: Where, place: Where) -> Complaint:
    kind, context, whole = detail["type"], detail.get("ctx", {}), (*place, *where)
    if kind == "extra_forbidden":
        return Complaint(whole, _unknown_key(str(where[-1]), model, where[:-1]), at_key=True)
    if kind == "missing":
        return Complaint(whole, f"`{detail['loc'][-1]}` is missing", at_key=True)
    if kind in ("enum", "literal_error"):
        return Complaint(whole, _not_one_of(str(context["expected"]), detail["input"], whole))
    if kind == "string_pattern_mismatch":
        field = _field(model, where)
        return Complaint(whole, f"expected {(field.description if field else '') or context['pattern']}")
    if kind == "value_error":
        return Complaint(whole, f"{context['error']}{_got(detail['input'], whole)}")
    if kind in _LIMITS:
        return Complaint(whole, _LIMITS[kind].format(**context))
    return Complaint(whole, detail["msg"][:1].lower() + detail["msg"][1:])


def _unknown_key(key: str, model: type[BaseModel], where: Where) -> str:
    known = {field.alias or name for each in _models(model, where) for name, field in each.model_fields.items()}
    near = did_you_mean(key, frozenset(known)) or f"; known are {', '.join(sorted(known))}"
    return f"unknown key{f' `{key}`' if _is_word(key) else ''}{near}"


def _is_word(key: str) -> bool:
    """Whether ``key`` may be quoted: a secret on the wrong side of a colon is longer, or has digits."""
    return re.fullmatch(r"[A-Za-z_-]{1,32}", key) is not None


def _not_one_of(expected: str, value: object, where: Where) -> str:
    known = re.findall(r"'([^']*)'", expected)
    near = did_you_mean(value, frozenset(known)) if isinstance(value, str) else ""
    return f"expected {' or '.join(filter(None, (', '.join(known[:-1]), known[-1])))}{_got(value, where)}{near}"


def _wrong_type(wanted: str, value: object, where: Where) -> str:
    if wanted == "text" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"expected text{_got(value, where)}: put it in quotes"
    return f"expected {wanted}{_got(value, ('token',) if 'a mapping' in wanted else where)}"


def _got(value: object, where: Where) -> str:
    """What was there instead; in its own words only where it cannot be a secret."""
    if value is None or isinstance(value, bool):
        return f", got {'nothing' if value is None else str(value).lower()}"
    kind = next(name for type_, name in _KINDS.items() if isinstance(value, type_))
    if isinstance(value, dict | list) or _GUARDED.intersection(where) or not str(value).isprintable():
        return f", got {kind}"
    return f", got {kind.removeprefix('a ')} '{str(value)[:40]}'"


def _field(model: type[BaseModel], where: Where) -> FieldInfo | None:
    for each in _models(model, where[:-1]):
        for name, field in each.model_fields.items():
            if where[-1] == (field.alias or name):
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
