"""The shape of the configuration file as a JSON Schema (draft 2020-12), for editors: made from the models themselves.

What ``creatorwatch check`` takes, it takes too, but for a key without a value (``when:``) where another takes its
place. It refuses less: it knows keys, types, names and spellings, not what one part of a file says of another, nor what
a condition means.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import time, timedelta
from typing import Any, get_args

from pydantic import AfterValidator, BeforeValidator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from daemon.config_days import DAY, MOMENT, Clock, Dates, Day, Moment, Names, Weekdays, Zone
from daemon.config_models import (
    AccountModel,
    Address,
    BaseUrl,
    BudgetModel,
    ChannelModel,
    Cookie,
    Discovery,
    EndpointModel,
    FileModel,
    Files,
    ProviderModel,
    TemplateModel,
    Token,
    Usd,
    Vertical,
    VideoModel,
)
from daemon.providers.endpoint import Endpoint, Provider
from daemon.route_models import DelegationModel, MaintenanceModel, RouteModel, TimesModel
from rules.durations import say_duration
from rules.models import Duration, RuleModel, Share

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OF_SECTIONS = (
    *(ProviderModel, BudgetModel, EndpointModel, AccountModel, VideoModel),
    *(ChannelModel, TemplateModel, RuleModel),
    *(TimesModel, RouteModel, MaintenanceModel, DelegationModel),
)


def schema_of(metrics: Collection[str], endpoints: Mapping[str, Endpoint]) -> JsonSchemaValue:
    """The schema of a file that may name these metrics and endpoints."""
    models = (FileModel, *_OF_SECTIONS)
    _, made = models_json_schema([(each, "validation") for each in models], schema_generator=_AsWritten)
    shapes = _tidy(made["$defs"])
    shapes["BudgetModel"]["anyOf"] = [{"required": ["day"]}, {"required": ["month"]}]
    shapes["RuleModel"]["oneOf"] = [{"required": ["when"]}, {"required": ["levels"]}]
    shapes["TemplateModel"]["oneOf"] = [{"required": ["body"]}, {"required": ["file"]}]
    shapes["MaintenanceModel"]["oneOf"] = [{"required": ["times"]}, {"required": ["from", "until"]}]
    shapes["RouteModel"]["dependentRequired"] = {"escalate_after": ["escalate_to"]}
    file = shapes.pop("FileModel")
    for section, content in _sections(metrics, endpoints).items():
        file["properties"][section] |= content
    return {"$schema": _DIALECT, "title": "The configuration of creatorwatch", **file, "$defs": shapes}


def _sections(metrics: Collection[str], endpoints: Mapping[str, Endpoint]) -> Mapping[str, JsonSchemaValue]:
    """What stands in the sections of which ``FileModel`` leaves that open."""
    return {
        "providers": _only({each: f"How {each} is asked." for each in Provider}, "ProviderModel"),
        "budget": _only({each: f"What {each} may cost." for each in Provider}, "BudgetModel"),
        "endpoints": _only({name: _about(each) for name, each in endpoints.items()}, "EndpointModel"),
        "collect": {"items": {"enum": sorted({*metrics, *endpoints})}},
        "accounts": {"items": _shape("AccountModel")},
        "videos": {"items": _shape("VideoModel")},
        "channels": {"additionalProperties": _shape("ChannelModel")},
        "templates": {"additionalProperties": _shape("TemplateModel")},
        "times": {"additionalProperties": _shape("TimesModel")},
        "routes": {"items": _shape("RouteModel")},
        "maintenance": {"items": _shape("MaintenanceModel")},
        "delegations": {"items": _shape("DelegationModel")},
        "define": {"propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,62}$"}},
        "rules": {"items": _shape("RuleModel")},
    }


def _only(names: Mapping[str, str], model: str) -> JsonSchemaValue:
    """A mapping of these names, with what each means, to a ``model``."""
    shapes = {str(name): {**_shape(model), "description": meaning} for name, meaning in names.items()}
    return {"properties": shapes, "additionalProperties": False}


def _shape(model: str) -> JsonSchemaValue:
    return {"$ref": f"#/$defs/{model}"}


def _about(endpoint: Endpoint) -> str:
    whom = f"{endpoint.platform or ''} {endpoint.subject}".strip()
    return f"About each {whom}: {endpoint.cadence}, for {endpoint.cost_usd} USD a call."


def _tidy(part: Any) -> Any:  # noqa: ANN401 - JSON
    """``part`` without what tells a reader nothing: the names of our classes, and that what is not there is null."""
    if isinstance(part, list):
        return [_tidy(each) for each in part]
    if not isinstance(part, dict):
        return part
    empty = {"title"} if isinstance(part.get("title"), str) else set()
    empty |= {"default"} if part.get("default", ...) is None else set()
    return {key: _tidy(value) for key, value in part.items() if key not in empty}


# --- what pydantic cannot know of values that functions read or check -----------------------------------------------


def _text(pattern: str, *examples: str) -> JsonSchemaValue:
    return {"type": "string", "pattern": pattern} | ({"examples": list(examples)} if examples else {})


def _check(metadata: Iterable[object]) -> Callable[..., Any]:
    """The function that reads or checks a value, of what stands beside its type."""
    return next(each.func for each in metadata if isinstance(each, BeforeValidator | AfterValidator))


_REFERENCE = r"\$\{(file:[^{}]+|[A-Za-z_][A-Za-z0-9_]*(:-)?)\}"
_DURATION = _text(r"^([0-9]+(\.[0-9]+)?[smhdw])+$", "30s", "15m", "24h", "3d", "2w")
_PERCENT = _text(r"^0*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$", "80%")
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00"
_WEEKDAY = "(mon|tue|wed|thu|fri|sat|sun)"
_DOLLARS = _text(r"^[0-9]{1,9}(\.[0-9]{1,9})?$")

_INSTEAD: Mapping[Callable[..., Any], JsonSchemaValue] = {
    _check(get_args(Duration)): _DURATION,
    _check(get_args(Share)): {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, _PERCENT]},
    _check(get_args(Clock)): _text(f"^({_CLOCK})$", "22:00"),
    _check(get_args(Dates)): _text(rf"^{DAY}(\.\.{DAY})?$", "2026-05-01", "2026-02-17..2026-02-23"),
    _check(get_args(Day)): _text(f"^{DAY}$", "2026-02-01"),
    _check(get_args(Moment)): _text(f"^{MOMENT}$", "2026-02-01T09:00"),
    _check(get_args(Weekdays)): _text(f"^{_WEEKDAY}(-{_WEEKDAY})?$", "mon-fri", "sat"),
    _check(get_args(Zone)): _text("^[A-Za-z]", "Asia/Shanghai"),
    _check(get_args(Usd)): {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _DOLLARS]},
    _check(FileModel.model_fields["listen"].metadata): _text(
        r"^(127(\.[0-9]{1,3}){3}|localhost|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$", "127.0.0.1:9109"
    ),
}
"""What is written where a function reads it."""

_ALSO: Mapping[Callable[..., Any], JsonSchemaValue] = {
    _check(get_args(Discovery)): _DURATION,
    _check(get_args(Files)): {"type": ["string", "null"]},
    _check(get_args(Names)): {"type": "string"},
}
"""What may be written too; elsewhere nothing at all (a section may be empty)."""

_BESIDES: Mapping[Callable[..., Any], JsonSchemaValue] = {
    _check(get_args(Token)): _text(f"^{_REFERENCE}$", "${TIKHUB_TOKEN}", "${file:tikhub.token}"),
    _check(get_args(Cookie)): _text(f"^({_REFERENCE})?$", "${COOKIE_MEI}", "${file:cookies/mei}"),
    _check(get_args(BaseUrl)): _text("^[A-Za-z]+://[^/?#@]+/?$"),
    _check(get_args(Vertical)): _text("^[^,]*$"),
}
"""What else holds of what a function checks."""


class _AsWritten(GenerateJsonSchema):
    """Values as they stand in the file, not as what they become."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        """Never: a key says its name itself."""
        return False

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """What the function reads."""
        function: Callable[..., Any] = schema["function"]["function"]
        if function in _INSTEAD:
            return dict(_INSTEAD[function])
        inner = super().function_before_schema(schema)
        if function in _ALSO:
            return self.get_union_of_schemas([inner, _ALSO[function]])
        return inner | {"type": [inner["type"], "null"]} if "type" in inner else {"anyOf": [inner, {"type": "null"}]}

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """What is checked, and what the check adds to it."""
        return super().function_after_schema(schema) | _BESIDES.get(schema["function"]["function"], {})

    def encode_default(self, dft: object) -> object:
        """The default as one would write it."""
        match dft:
            case timedelta():
                return say_duration(dft.total_seconds()).replace("min", "m").replace(" ", "")  # "1 h 30 min" is 1h30m
            case time():
                return f"{dft:%H:%M}"
            case Address(host, port):
                return f"{host}:{port}"
        return super().encode_default(dft)
