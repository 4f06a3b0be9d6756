"""Random JSON schemas of every keyword that structured output supports."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "ab", "name", "ünï", 'q"', "x/y", "~", ""])
SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.sampled_from([1.5, -0.25]) | NAMES


def _some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


NUMBERS = st.builds(
    lambda kind, bounds: {"type": kind} | bounds,
    st.sampled_from(["integer", "number"]),
    st.one_of(
        _some(minimum=st.integers(-50, 0), maximum=st.integers(0, 500)),
        _some(exclusiveMinimum=st.integers(-50, 0), exclusiveMaximum=st.integers(2, 70)),
        _some(multipleOf=st.sampled_from([1, 2, 3, 7, 12]), minimum=st.just(0)),
    ),
)
STRINGS = st.one_of(
    _some(minLength=st.integers(0, 3), maxLength=st.integers(3, 8)),
    _some(pattern=st.sampled_from(["^[a-c]+$", "[a-z]", r"^\d{2}-\w*$", '^(ä|ö|"|\\\\)+$', "[^a]"])),
    _some(
        format=st.sampled_from(["date", "date-time", "time", "uuid", "ipv4", "ipv6", "email", "hostname", "duration"])
    ),
).map(lambda rules: {"type": "string"} | rules)
LEAVES = st.one_of(
    NUMBERS,
    STRINGS,
    st.builds(lambda values: {"enum": values}, st.lists(SCALARS, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, SCALARS),
    st.sampled_from(
        [{"type": "null"}, {"type": "boolean"}, {"type": ["null", "string"]}, {"type": "string", "minimum": 3}]
    ),
)


def _arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    rules = _some(
        items=inner,
        prefixItems=st.lists(inner, min_size=1, max_size=2),
        minItems=st.integers(0, 2),
        maxItems=st.integers(2, 3),
    )
    return rules.map(lambda rules: {"type": "array", "maxItems": 3} | rules)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    rules = _some(
        properties=st.dictionaries(NAMES, inner, max_size=3),
        required=st.lists(NAMES, max_size=2, unique=True),
        additionalProperties=st.one_of(st.booleans(), inner),
        maxProperties=st.integers(3, 5),
        minProperties=st.just(1),
        patternProperties=st.dictionaries(st.sampled_from(["^k[0-9]$", "^z+$"]), inner, max_size=2),
    )
    return rules.map(lambda rules: {"type": "object"} | rules)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda options: {"oneOf": options}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda parts: {"allOf": parts}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda part: {"$ref": "#/$defs/part", "$defs": {"part": part}}, inner),
    )


SCHEMAS = st.recursive(LEAVES, lambda inner: st.one_of(_arrays(inner), _objects(inner), _combined(inner)), max_leaves=6)
