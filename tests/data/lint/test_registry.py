"""Each rule finds its bad file and lets its good one pass; good ones are near misses where there are any."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from luthier.data.check import check_file
from luthier.data.lint.registry import ALL_RULES, LINE_RULES, ROW_RULES
from tests.data.rows import ask, codes, many, message, row, sound_examples, write

if TYPE_CHECKING:
    from pathlib import Path

CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
USER, ANSWER = message("user"), message("assistant")
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = message("tool", "12:00", tool_call_id="c1")
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SOUND = row(USER, ANSWER)
PAIR = json.dumps({"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [ANSWER]})


class Case(NamedTuple):
    bad: list[str | bytes]
    good: list[str | bytes]


def call_with(**function: object) -> dict[str, object]:
    return {**CALLING, "tool_calls": [{**CALL, "function": {**CALL["function"], **function}}]}


def nested(levels: int) -> str:
    """A sound row around a tool that is nested so deep."""
    inner = "[" * levels + "]" * levels
    return row(USER, ANSWER, tools=[{**TOOL, "x": "INNER"}]).replace('"INNER"', inner)


CASES = {
    "LD101": Case(['{"caf\xe9": 1}'.encode("latin-1")], [row(message("user", "café 🙂"), ANSWER)]),
    "LD102": Case([b"\xef\xbb\xbf" + SOUND.encode()], [SOUND, row(message("user", "\ufeff?"), ANSWER)]),
    "LD103": Case([SOUND[:-1]], [f"  {SOUND}  "]),
    "LD104": Case([f"[{SOUND}]"], [SOUND]),
    "LD105": Case([SOUND.replace('"role": "user"', '"role": "user", "role": "user"')], [SOUND]),
    "LD106": Case([row(USER, ANSWER, tools=[float("nan")])], [row(message("user", "NaN 1e999"), ANSWER)]),
    "LD107": Case([SOUND, "  \t", SOUND], [SOUND]),
    "LD108": Case([], [SOUND]),
    "LD109": Case([nested(210)], [nested(190)]),
    "LD110": Case([row(message("user", "\ud83d"), ANSWER)], [row(message("user", "\ud83d\ude42"), ANSWER)]),
    "LD112": Case([*many(9), PAIR], many(10)),
    "LD201": Case(['{"text": "a"}'], [SOUND]),
    "LD202": Case([row("hello", ANSWER)], [SOUND]),
    "LD203": Case([row({"content": "hello"}, ANSWER)], [SOUND]),
    "LD204": Case([row(message("USER"), ANSWER)], [row(message("developer"), USER, ANSWER)]),
    "LD205": Case([row(USER, ANSWER, weight=1)], [row(USER, ANSWER, parallel_tool_calls=True)]),
    "LD206": Case([row({**USER, "txt": ""}, ANSWER)], [row(USER, {**ANSWER, "refusal": None})]),
    "LD207": Case([row(USER, ANSWER, USER)], [row(USER, ANSWER, USER, ANSWER)]),
    "LD208": Case([row(message("system"), ANSWER)], [SOUND]),
    "LD209": Case([row(USER, USER, ANSWER)], [row(USER, ANSWER, USER, ANSWER)]),
    "LD210": Case([row(USER, {**ANSWER, "weight": 0.5})], [row(USER, {**ANSWER, "weight": 1})]),
    "LD211": Case(
        [row(USER, {**ANSWER, "weight": 0})],
        [row(USER, {**ANSWER, "weight": 0}, message("user", "so?"), ANSWER)],
    ),
    "LD212": Case([row({**USER, "name": 7}, ANSWER)], [row({**USER, "name": "Zoe"}, ANSWER)]),
    "LD251": Case([row(USER, {**ANSWER, "tool_calls": [{"id": "c1"}]})], [row(USER, {**ANSWER, "tool_calls": []})]),
    "LD252": Case([row(USER, call_with(arguments='{"zone":'))], [row(USER, CALLING)]),
    "LD253": Case([row(USER, CALLING, message("tool", "12:00"), ANSWER)], [row(USER, CALLING, RESULT, ANSWER)]),
    "LD254": Case([row(USER, CALLING, USER, ANSWER)], [row(USER, CALLING)]),
    "LD255": Case([row(USER, RESULT, ANSWER)], [row(USER, CALLING, RESULT, ANSWER)]),
    "LD256": Case([row(USER, ANSWER, tools={"now": TOOL})], [row(USER, ANSWER, tools=[TOOL])]),
    "LD257": Case([row(USER, call_with(name="later"), tools=[TOOL])], [row(USER, CALLING, tools=[TOOL])]),
    "LD258": Case([row(USER, message("function", name="f"), ANSWER)], [row(USER, {**ANSWER, "function_call": None})]),
    "LD301": Case([row(message("user", {"order": 7}), ANSWER)], [SOUND]),
    "LD302": Case([row(USER, message("assistant", None))], [row(USER, CALLING)]),
    "LD303": Case([row(USER, message("assistant", " \n"))], [row(USER, {**CALLING, "content": ""})]),
    "LD304": Case(
        [row(message("user", [IMAGE]), ANSWER)],
        [row(message("user", [{"type": "text", "text": "a"}]), ANSWER)],
    ),
    "LD305": Case(
        [row(message("user", ""), ANSWER)],
        [row(USER, CALLING, message("tool", "", tool_call_id="c1"), ANSWER)],
    ),
    "LD401": Case([ask("2 + 2?", "4"), ask("2 + 2?", "four")], [ask("2 + 2?", "4"), ask("2 + 2?", "4")]),
    "LD402": Case(
        [*many(9), ask("a", system="Reply.")],
        [*many(8), ask("a", system="Reply."), ask("b", system="Reply.")],
    ),
    "LD403": Case(
        [*(ask(str(n), "{}") for n in range(9)), ask("a", "sorry")],
        [*(ask(str(n), "7") for n in range(9)), ask("a", "sorry")],
    ),
    "LD801": Case(many(9), many(10)),
    "LD802": Case(many(49), many(50)),
    "LD901": Case([SOUND, json.dumps(json.loads(SOUND), indent=None, separators=(",", ":"))], many(2)),
}


@pytest.mark.parametrize("code", CASES)
def test_rule_finds_the_bad_file(code: str, tmp_path: Path) -> None:
    assert code in codes(check_file(write(tmp_path / "bad.jsonl", *CASES[code].bad)).findings)


@pytest.mark.parametrize("code", CASES)
def test_rule_lets_the_good_file_pass(code: str, tmp_path: Path) -> None:
    file = write(tmp_path / "good.jsonl", *CASES[code].good)
    report = check_file(file)
    assert code not in codes(report.findings)
    assert len(sound_examples(file)) == len(CASES[code].good), report.findings


def test_every_registered_rule_has_a_case_and_a_name_of_its_own() -> None:
    assert sorted(CASES) == sorted(rule.code for rule in ALL_RULES if rule.code != "LD113")
    assert len({rule.name for rule in ALL_RULES}) == len(ALL_RULES)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_every_rule_says_what_it_finds_why_and_what_to_do(rule) -> None:
    assert re.fullmatch(r"LD\d{3}", rule.code)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.finds.endswith(".")
    assert all(text and not text.endswith(".") for text in (rule.why, rule.hint))


@pytest.mark.parametrize("rule", [*LINE_RULES[1:], *ROW_RULES], ids=lambda rule: rule.code)
def test_the_example_that_a_rule_gives_is_found_by_it(rule, tmp_path: Path) -> None:
    """The first rule's example is a byte, which cannot stand in source text."""
    found = check_file(write(tmp_path / "a.jsonl", rule.example)).findings
    assert rule.code in codes(found)
    assert all(finding.severity == rule.severity for finding in found if finding.code == rule.code)
