"""A chat template goes in, its tool format comes out: learned from what the template itself makes of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.engine.tools.call_grammar import SHORT_ID, CallWriting
from luthier.engine.tools.call_syntax import CallSyntax, ObjectSyntax, ParameterSyntax, TaggedSyntax
from luthier.engine.tools.json_reading import NoJson, Span, read_value
from luthier.engine.tools.known_formats import find_known_format
from luthier.engine.tools.specimen import ARGUMENTS, KEYS, NAMES, NESTED, TEXT, Specimen, render_specimen, shows_tools
from luthier.engine.tools.tool_format import ToolFormat

if TYPE_CHECKING:
    from luthier.tokens.chat_template import ChatTemplate

PYTHON_TAG = "<|python_tag|>"
"""Models of the Llama 3 family may put it before a call, which their template does not show."""


class _Learned(NamedTuple):
    syntax: CallSyntax
    writing: CallWriting | None


def learn_tool_format(template: ChatTemplate) -> ToolFormat | None:
    """None for a template without tools, and for one that writes calls in a way that we cannot read."""
    if not shows_tools(template):
        return None
    specimen = render_specimen(template)
    learned = specimen and (_learn_object(specimen) or _learn_tagged(specimen) or _learn_parameters(specimen))
    if not specimen or not learned:
        return find_known_format(template)
    texts = [specimen.single, specimen.double or ""]
    prelude = PYTHON_TAG if not learned.syntax.marker and PYTHON_TAG in template.text else ""
    vocabulary = template.tokenizer.get_vocab()
    tokens = {token: vocabulary[token] for token in template.control_tokens if any(token in text for text in texts)}
    if prelude in vocabulary:
        tokens[prelude] = vocabulary[prelude]
    return ToolFormat(learned.syntax, learned.writing, tokens, specimen.has_short_ids, prelude)


def _learn_object(specimen: Specimen) -> _Learned | None:
    """Calls that are JSON objects with the name and the arguments in them."""
    whole = _find_json(specimen.single, lambda value: _find_path(_first(value), NAMES[0]) is not None)
    if whole is None:
        return None
    call = _first(whole.value)
    name_path, arguments_path = _find_path(call, NAMES[0]), _find_path(call, ARGUMENTS)
    if name_path is None or arguments_path is None:
        return None
    syntax = ObjectSyntax(
        begin=specimen.single[: whole.start],
        end=specimen.single[whole.end :],
        name_path=name_path,
        arguments_path=arguments_path,
        id_path=_find_path(call, SHORT_ID) or (),
    )
    return _Learned(syntax, _learn_writing(specimen))


def _learn_tagged(specimen: Specimen) -> _Learned | None:
    """Calls of which only the arguments are JSON."""
    writing = _learn_writing(specimen)
    if writing is None:
        return None
    if writing.between is None:
        return _Learned(TaggedSyntax(writing.head, writing.middle, closing=writing.tail), writing)
    closing = _find_common_start(writing.between, writing.tail)
    opening = _find_common_end(writing.between[len(closing) :], writing.head)
    has_own_opening = opening != writing.head
    syntax = TaggedSyntax(
        writing.head,
        writing.middle,
        closing,
        opening=opening if has_own_opening else "",
        tail=writing.tail[len(closing) :],
    )
    return _Learned(syntax, writing)


def _learn_parameters(specimen: Specimen) -> _Learned | None:
    """Calls whose arguments stand one by one, each in marks of its own."""
    parts = _split_at(specimen.single, NAMES[0], KEYS[0], TEXT, KEYS[1])
    nested = _find_json(parts[4], lambda value: value == NESTED) if parts else None
    if not parts or nested is None:
        return None
    head, name_end, key_close, between, _ = parts
    key_open = _find_common_end(name_end, between)
    value_close = between.removesuffix(key_open)
    rest = parts[4][nested.end :]
    if not all(mark.strip() for mark in (head, key_open, key_close, value_close)) or not rest.startswith(value_close):
        return None
    middle = name_end.removesuffix(key_open)
    syntax = ParameterSyntax(head, middle, key_open, key_close, value_close, tail=rest.removeprefix(value_close))
    return _Learned(syntax, None)


def _learn_writing(specimen: Specimen) -> CallWriting | None:
    head, found, after_name = specimen.single.partition(NAMES[0])
    arguments = _find_json(after_name, lambda value: value == ARGUMENTS) if found else None
    if arguments is None:
        return None
    middle, tail = after_name[: arguments.start], after_name[arguments.end :]
    first = f"{head}{NAMES[0]}{middle}{after_name[arguments.start : arguments.end]}"
    between = None
    if specimen.double is not None and specimen.double.startswith(first):
        between, found, _ = specimen.double[len(first) :].partition(NAMES[1])
        between = between if found else None
    return CallWriting(head, middle, tail, between)


def _find_json(text: str, is_meant: Any) -> Span | None:
    """The first and outermost object or list in the text that is meant."""
    for start, letter in enumerate(text):
        if letter in "{[":
            try:
                span = read_value(text, start)
            except NoJson:
                continue
            if is_meant(span.value):
                return span
    return None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _find_path(value: Any, wanted: Any) -> tuple[str, ...] | None:
    """The keys that lead through objects to the wanted value, or to its JSON text."""
    if not isinstance(value, dict):
        return None
    for key, child in value.items():
        if child == wanted or (isinstance(wanted, dict) and isinstance(child, str) and _says(child, wanted)):
            return (key,)
        deeper = _find_path(child, wanted)
        if deeper is not None:
            return (key, *deeper)
    return None


def _says(text: str, wanted: Any) -> bool:
    try:
        return bool(read_value(text, 0).value == wanted)
    except NoJson:
        return False


def _split_at(text: str, *words: str) -> list[str]:
    parts = []
    for word in words:
        before, found, text = text.partition(word)
        if not found:
            return []
        parts.append(before)
    return [*parts, text]


def _find_common_start(first: str, second: str) -> str:
    """What both begin with, up to the end of its last whole tag."""
    common = first[: _count_equal(first, second)]
    return common[: common.rfind("<")] if common.rfind("<") > common.rfind(">") else common


def _find_common_end(first: str, second: str) -> str:
    """What both end with, from the beginning of its first whole tag."""
    common = first[len(first) - _count_equal(first[::-1], second[::-1]) :]
    before, bracket, after = common.partition(">")
    return after if bracket and "<" not in before else common


def _count_equal(first: str, second: str) -> int:
    differing = (place for place, (one, other) in enumerate(zip(first, second, strict=False)) if one != other)
    return next(differing, min(len(first), len(second)))
