"""What pydantic found wrong with a request becomes one sentence in OpenAI's words, the parameter's path and a code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.server.openai.schema.body import OWN_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastapi.exceptions import RequestValidationError

PLACES = ("body", "query", "path", "header", "cookie")
LONGEST_ECHO = 100

TYPE_NAMES = {
    "string_type": "a string",
    "bool_type": "a boolean",
    "bool_parsing": "a boolean",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "none_required": "null",
    "string_unicode": "a Unicode string",
}


class Refusal(NamedTuple):
    message: str
    param: str | None
    code: str | None


class Finding(NamedTuple):
    """One of pydantic's errors. `depth` is how far into the request it lies, and `given` what stands there."""

    kind: str
    param: str | None
    depth: int
    given: Any
    limits: Mapping[str, Any]
    message: str


def describe_validation_error(error: RequestValidationError) -> Refusal:
    """The first that is wrong; of a union's branches the one that came furthest, for it is the one that was meant."""
    if isinstance(error.body, bytes):
        return Refusal("The body must be JSON, sent with the header 'Content-Type: application/json'.", None, None)
    findings = [_read_finding(each, error.body) for each in error.errors()]
    first = findings[0]
    meant = max(
        (each for each in findings if _is_within(each.param, first.param)), key=lambda each: (each.depth, _weigh(each))
    )
    rivals = [each for each in findings if each.param == meant.param and each.kind in TYPE_NAMES]
    if meant in rivals:
        return _refuse_type(meant, dict.fromkeys(TYPE_NAMES[each.kind] for each in rivals))
    if meant.kind in OWN_KINDS:
        return Refusal(meant.message, meant.param, meant.kind)
    describe = DESCRIPTIONS.get(meant.kind)
    if describe is not None:
        return describe(meant)
    return Refusal(f"Invalid '{meant.param}': {meant.message}.", meant.param, "invalid_value")


def _read_finding(error: Mapping[str, Any], body: Any) -> Finding:
    location: Sequence[int | str] = error["loc"]
    kind = str(error["type"])
    steps = _read_steps(location, body, is_missing=kind == "missing")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        steps = [*steps, str(error["ctx"]["discriminator"]).strip("'")]
    if kind == "json_invalid":
        steps = []
    limits = error.get("ctx") or {}
    field = limits.get("param") if kind in OWN_KINDS else None
    if field is not None and steps[-1:] != [field]:
        steps = [*steps, field]
    message = str(error["msg"]).removeprefix("Value error, ")
    return Finding(kind, _name_param(steps), len(steps), error.get("input"), limits, message)


def _read_steps(location: Sequence[int | str], body: Any, *, is_missing: bool) -> list[int | str]:
    """Without the place, and without what pydantic puts in to say which branch of a union it tried."""
    place, *rest = location if location and location[0] in PLACES else ("body", *location)
    if place != "body":
        return rest
    steps: list[int | str] = []
    known = body
    for position, step in enumerate(rest):
        if isinstance(step, int):
            steps.append(step)
            known = known[step] if isinstance(known, list) and step < len(known) else None
        elif isinstance(known, dict) and (step in known or (is_missing and position == len(rest) - 1)):
            steps.append(step)
            known = known.get(step)
    return steps


def _name_param(steps: Iterable[int | str]) -> str | None:
    """As `messages[0].content`."""
    named = "".join(f"[{step}]" if isinstance(step, int) else f".{_echo(step)}" for step in steps)
    return named.removeprefix(".") or None


def _is_within(param: str | None, outer: str | None) -> bool:
    """Whether both are wrong for the same reason: a union's branches complain about the same thing or its parts."""
    if param == outer:
        return True
    return outer is not None and param is not None and param.startswith((f"{outer}.", f"{outer}["))


def _weigh(finding: Finding) -> int:
    """A branch that knows more of what was given was rather meant than one to which it is strange."""
    return {"extra_forbidden": 0, "missing": 1}.get(finding.kind, 2)


def _refuse_type(finding: Finding, names: Iterable[str]) -> Refusal:
    expected = _join([*names], "or")
    message = f"Invalid type for '{finding.param}': expected {expected}, but got {_name_type(finding.given)} instead."
    if finding.param is None:
        message = f"Invalid request body: expected {expected}, but got {_name_type(finding.given)} instead."
    return Refusal(message, finding.param, "invalid_type")


def _refuse_json(finding: Finding) -> Refusal:
    return Refusal("We could not parse the JSON body of your request: it is not valid JSON.", None, None)


def _refuse_unknown(finding: Finding) -> Refusal:
    return Refusal(f"Unknown parameter: '{finding.param}'.", finding.param, "unknown_parameter")


def _refuse_missing(finding: Finding) -> Refusal:
    if finding.param is None:
        return Refusal("Missing request body: expected a JSON object.", None, "missing_required_parameter")
    return Refusal(f"Missing required parameter: '{finding.param}'.", finding.param, "missing_required_parameter")


def _refuse_choice(finding: Finding) -> Refusal:
    supported = finding.limits.get("expected", finding.limits.get("expected_tags", ""))
    given = finding.limits.get("tag", finding.given)
    message = f"Invalid value: '{_echo(given)}'. Supported values are: {supported}."
    return Refusal(message, finding.param, "invalid_value")


def _refuse_amount(finding: Finding) -> Refusal:
    is_integer = isinstance(finding.given, int) or str(finding.given).removeprefix("-").isdigit()
    sign, side, name = AMOUNTS[finding.kind]
    limit = finding.limits[name]
    kind = "integer" if is_integer else "decimal"
    message = (
        f"Invalid '{finding.param}': {kind} {side} value. Expected a value {sign} {_write_number(limit)}, "
        f"but got {_echo(finding.given)} instead."
    )
    return Refusal(message, finding.param, f"{kind}_{side.removesuffix('imum').replace(' ', '_')}_value")


def _refuse_length(finding: Finding) -> Refusal:
    is_short = finding.kind.endswith("too_short")
    bound, name = ("minimum", "min_length") if is_short else ("maximum", "max_length")
    limit, kind, actual = finding.limits[name], _name_container(finding), len(finding.given)
    if is_short and not actual and kind != "string":
        message = (
            f"Invalid '{finding.param}': empty {kind}. Expected an {kind} with minimum length {limit}, "
            f"but got an empty {kind} instead."
        )
        return Refusal(message, finding.param, f"empty_{kind}")
    article = "a" if kind == "string" else "an"
    message = (
        f"Invalid '{finding.param}': {kind} too {'short' if is_short else 'long'}. Expected {article} {kind} with "
        f"{bound} length {limit}, but got {article} {kind} with length {actual} instead."
    )
    return Refusal(message, finding.param, f"{kind}_{'below_min' if is_short else 'above_max'}_length")


def _refuse_pattern(finding: Finding) -> Refusal:
    message = (
        f"Invalid '{finding.param}': string does not match pattern. Expected a string that matches the pattern "
        f"'{finding.limits['pattern']}'."
    )
    return Refusal(message, finding.param, "invalid_value")


AMOUNTS = {
    "less_than_equal": ("<=", "above maximum", "le"),
    "less_than": ("<", "above maximum", "lt"),
    "greater_than_equal": (">=", "below minimum", "ge"),
    "greater_than": (">", "below minimum", "gt"),
}
"""By pydantic's kind: how the limit is written, on which side of it the value lies, and pydantic's name of it."""

DESCRIPTIONS: dict[str, Callable[[Finding], Refusal]] = {
    "json_invalid": _refuse_json,
    "extra_forbidden": _refuse_unknown,
    "missing": _refuse_missing,
    "union_tag_not_found": _refuse_missing,
    "union_tag_invalid": _refuse_choice,
    "literal_error": _refuse_choice,
    **dict.fromkeys(AMOUNTS, _refuse_amount),
    **dict.fromkeys(("too_short", "too_long", "string_too_short", "string_too_long"), _refuse_length),
    "string_pattern_mismatch": _refuse_pattern,
}


def _name_container(finding: Finding) -> str:
    if isinstance(finding.given, str):
        return "string"
    return "object" if isinstance(finding.given, dict) else "array"


def _write_number(number: float) -> str:
    """As JSON has it, but 2.0 as 2, which is what the limits of numbers mostly are."""
    return str(int(number)) if number == int(number) else str(number)


def _name_type(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal", list: "an array"}
    return "null" if value is None else names.get(type(value), "an object")


def _join(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"one of {', '.join(words[:-1])} {last} {words[-1]}"


def _echo(value: Any) -> str:
    """What a client sent, cut to a length that can be read."""
    text = str(value)
    return text if len(text) <= LONGEST_ECHO else f"{text[:LONGEST_ECHO]}..."
