"""The example file is what its generator writes, and keeps what the tutorial says about it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from luthier.data.check import check_file
from luthier.data.examples import example_path
from luthier.data.examples.words import GOODS, MONTHS, NAMES, SENTENCES

ROWS = [json.loads(line) for line in example_path().read_text(encoding="utf-8").splitlines()]
PROMPTS = [row["messages"][1]["content"] for row in ROWS]
ANSWERS = [json.loads(row["messages"][2]["content"]) for row in ROWS]


def test_generator_writes_the_file_byte_for_byte_whatever_the_terminal() -> None:
    command = [sys.executable, "-m", "luthier.data.examples.orders"]
    path = ":".join(entry for entry in sys.path if entry)
    written = subprocess.run(
        command, env={"PYTHONPATH": path, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
    )
    assert written.stdout == example_path().read_bytes()


def test_file_passes_the_check_without_a_word() -> None:
    report = check_file(example_path())
    assert report.findings == ()
    assert (report.summary["rows"], report.summary["answer_kind"]) == (300, "json")


def test_prompts_are_distinct_and_keep_clear_of_the_guides() -> None:
    assert len(set(PROMPTS)) == 300
    assert "Extract: Zoe ordered 2 lamps for $31.00 on May 4." not in PROMPTS


def test_answers_have_one_shape() -> None:
    total = r"(null|\d+\.\d\d)"
    tail = rf'"total":{total},"currency":(null|"[A-Z]{{3}}"),"date":"\d\d-\d\d"'
    shape = rf'{{"customer":"[^"]+","items":\[.+\],{tail}}}'
    assert all(re.fullmatch(shape, row["messages"][2]["content"]) for row in ROWS)
    assert all((answer["total"] is None) == (answer["currency"] is None) for answer in ANSWERS)


def test_every_prompt_says_what_its_answer_says() -> None:
    for prompt, answer in zip(PROMPTS, ANSWERS, strict=True):
        assert answer["customer"] in prompt
        assert all(item["name"][:3].lower() in prompt.lower() for item in answer["items"]), prompt
        assert ("$" in prompt or answer["currency"] != "USD") or "USD" in prompt, prompt
        assert bool(re.search(r"[$€£]|USD|EUR|GBP", prompt)) == (answer["total"] is not None), prompt
        assert answer["total"] is None or re.search(rf"\b{answer['total']:.2f}|\b{answer['total']:g}\b", prompt)
        assert MONTHS[int(answer["date"][:2]) - 1][0] in prompt, prompt
        assert re.search(rf"\b{int(answer['date'][3:])}(st|nd|rd|th)?\b", prompt)
        assert not re.search(r"[{}\[\]]|  |\bNone\b", prompt), prompt


def test_variety_is_as_the_generator_says() -> None:
    assert 80 <= sum(prompt.startswith("Extract: ") for prompt in PROMPTS) <= 120
    assert 15 <= sum(answer["total"] is None for answer in ANSWERS) <= 33
    assert {answer["currency"] for answer in ANSWERS} == {"USD", "EUR", "GBP", None}
    assert {len(answer["items"]) for answer in ANSWERS} == {1, 2, 3}
    assert len(set(NAMES)) == len(NAMES) >= 60
    assert len(set(GOODS)) == len(GOODS) >= 50
    assert len(SENTENCES) >= 11
