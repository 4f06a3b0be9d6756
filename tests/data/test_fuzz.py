"""Whatever a file holds, a check ends in findings that can be shown: never in a traceback."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luthier.data.check import check_file
from luthier.data.finding import LONGEST_TEXT
from luthier.data.lint.registry import ALL_RULES
from luthier.errors import LuthierError
from tests.data.rows import many, sound_examples

if TYPE_CHECKING:
    from luthier.data.check import CheckReport

CODES = {rule.code for rule in ALL_RULES}
FORMAT_KEYS = (
    "messages", "tools", "metadata", "input", "preferred_output", "non_preferred_output", "prompt", "completion",
    "chosen", "rejected", "conversations", "instruction", "output", "functions", "weight",
)  # fmt: skip
MESSAGE_KEYS = (
    "role", "content", "name", "tool_calls", "tool_call_id", "weight", "function_call", "from", "value", "type",
    "text", "id", "function", "arguments", "parameters",
)  # fmt: skip

texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["user", "assistant", "system", "tool", "text", "function", "{}", "[]", '{"a":', "c1", "human"]),
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(MESSAGE_KEYS), inner, max_size=6),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    max_leaves=20,
)
rows = st.dictionaries(st.sampled_from(FORMAT_KEYS), values, max_size=5)

quickly = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check_bytes(content: bytes) -> CheckReport:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.jsonl"
        file.write_bytes(content)
        report = check_file(file, minimum=1)
        assert len(sound_examples(file)) == report.summary["examples"]
    for finding in report.findings:
        assert finding.code in CODES
        assert finding.message
        assert finding.hint
        assert "\n" not in finding.message
        assert len(finding.message) < 400
        assert len(finding.text) <= LONGEST_TEXT
    json.dumps(report.to_json())
    return report


def check_or_refuse(content: bytes) -> CheckReport | LuthierError:
    """A container that cannot be opened at all is one error, and has a hint like every other."""
    try:
        return check_bytes(content)
    except LuthierError as refusal:
        return refusal


@quickly
@given(st.lists(rows, min_size=1, max_size=6))
def test_rows_of_any_shape_become_findings_or_examples(fields: list[dict[str, Any]]) -> None:
    check_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in fields))


@quickly
@given(st.lists(st.dictionaries(st.sampled_from(MESSAGE_KEYS), values, max_size=6), max_size=5), values)
def test_messages_of_any_shape_become_findings_or_examples(messages: list[Any], tools: object) -> None:
    check_bytes(json.dumps({"messages": messages, "tools": tools}).encode() + b"\n")


@quickly
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=12))
def test_texts_of_any_kind_become_findings_or_examples(talks: list[tuple[str, str, str]]) -> None:
    """Rows that are whole in form and strange in every text."""
    lines = []
    for system, request, answer in talks:
        turns = (("system", system), ("user", request), ("assistant", answer))
        lines.append(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}))
    check_bytes("\n".join(lines).encode())


@quickly
@given(st.lists(values, min_size=1, max_size=12))
def test_json_answers_of_any_shape_become_findings_or_examples(answers: list[Any]) -> None:
    lines = []
    for number, answer in enumerate(answers):
        turns = (("user", f"question {number}"), ("assistant", json.dumps(answer)))
        lines.append(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}))
    check_bytes("\n".join(lines).encode())


@quickly
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_become_findings_or_one_typed_error(content: bytes) -> None:
    check_or_refuse(content)


SOUND = "\n".join(many(12)).encode()
BROKEN = {
    "empty": b"",
    "blank": b"\n \n\t\n",
    "zero bytes": b"\0" * 4096,
    "utf-16": SOUND.decode().encode("utf-16"),
    "utf-32": SOUND.decode().encode("utf-32"),
    "latin-1": '{"messages": [{"role": "user", "content": "café"}]}'.encode("latin-1"),
    "cut in the middle": SOUND[:-40],
    "cut inside a character": SOUND + "é".encode()[:1],
    "carriage returns alone": SOUND.replace(b"\n", b"\r"),
    "pretty-printed": json.dumps(json.loads(many(1)[0]), indent=2).encode(),
    "an array": b"[" + SOUND.replace(b"\n", b",") + b"]",
    "an array, cut": b"[" + SOUND.replace(b"\n", b","),
    "an array of arrays": b"[[1], [2]]",
    "commas after each row": SOUND.replace(b"\n", b",\n"),
    "a Python dict": str(json.loads(many(1)[0])).encode(),
    "comments": b"// rows\n" + SOUND,
    "html": b"<!doctype html><html><body>404 Not Found</body></html>",
    "yaml": b"messages:\n  - role: user\n    content: hello\n",
    "a number": b"7",
    "a text": b'"hello"',
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a long number": b'{"messages": ' + b"9" * 100_000 + b"}",
    "a long line": b'{"messages": "' + b"x" * 5_000_000 + b'"}',
    "many keys": json.dumps({str(number): number for number in range(20_000)}).encode(),
    "gzip": gzip.compress(SOUND),
    "gzip, cut": gzip.compress(SOUND)[:-20],
    "zip": b"PK\x03\x04" + b"\0" * 60,
    "png": b"\x89PNG\r\n\x1a\n" + b"\0" * 60,
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "parquet, cut": b"PAR1" + b"\0" * 60,
    "csv, ragged": b'question,answer\na,b,c\n"d\n',
    "csv, header only": b"question,answer\n",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "lone surrogates": b'{"messages": [{"role": "user", "content": "\\ud83d"}]}',
    "NaN": b'{"messages": NaN}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_becomes_findings_or_one_typed_error(name: str) -> None:
    outcome = check_or_refuse(BROKEN[name])
    assert isinstance(outcome, LuthierError) or outcome.findings
