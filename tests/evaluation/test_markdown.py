from __future__ import annotations

import re
from dataclasses import replace

from luthier.evaluation.markdown import MOST_CASES, render_markdown
from tests.evaluation.reports import Made, make_findings, make_report
from tests.support.markdown import READER, Found

HOSTILE = (
    "</code></td></details><script>alert(1)</script> | ![x](https://evil.example) @team \u202e\x00\ud800\n\n# head"
)
MADE = Made(count=60, base_passes_every=2, tuned_fails_every=3)
REPORT = make_report(MADE, findings=make_findings(MADE, is_bad=True))


def test_the_answer_comes_first_then_the_gates_the_effect_and_the_cases() -> None:
    written = render_markdown(REPORT)
    assert REPORT.verdict is not None
    parts = [
        "❌ Do not ship",
        "should not replace smollm2",
        "| Gate |",
        "| Model |",
        "**Difference +16.7 points**",
        "### Broken",
    ]
    places = [written.index(part) for part in parts]
    assert places == sorted(places)
    assert places[0] < 10


def test_every_gate_has_its_numbers_and_state() -> None:
    assert REPORT.verdict is not None
    html = READER.render(render_markdown(REPORT))
    rows = re.findall(r"<tr>\s*<td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>\s*</tr>", html)
    names = [row[0] for row in rows]
    assert [gate.name for gate in REPORT.verdict.gates] == names[: len(REPORT.verdict.gates)]
    signs = {gate.name: row[3] for gate, row in zip(REPORT.verdict.gates, rows, strict=False)}
    assert signs["Test cases are new to both models"] == "❌ no"
    assert signs["Enough cases to decide"] == "✅ yes"
    assert signs["The gain is proven"] == "❔ cannot tell"
    assert signs["Answers are cheap enough"] == "– no limit"


def test_up_to_ten_cases_of_each_kind_are_listed_and_the_rest_counted() -> None:
    written = render_markdown(REPORT)
    assert REPORT.comparison is not None
    assert REPORT.comparison.fixed == 20
    folded = written[written.index("<summary>Fixed: 20 cases</summary>") :]
    table = folded[: folded.index("</details>")]
    assert len(re.findall(r"^\| \d+ \|", table, re.MULTILINE)) == MOST_CASES
    assert "10 more cases on the page." in table
    assert "### Broken: 10 cases" in written


def test_what_broke_shows_where_it_differs() -> None:
    assert '"total": <b>1</b>' in render_markdown(REPORT)


def test_fields_are_folded_and_left_out_where_there_are_none() -> None:
    assert "| <code>total</code> | 0.67 → 0.67 | 30 → 40 | 0 → 20 | 30 → 0 | 0 → 0 |" in render_markdown(REPORT)
    plain = tuple(replace(outcome, fields=()) for outcome in REPORT.candidate.outcomes)
    alone = make_report(Made(count=6, is_pair=False))
    bare = replace(alone, candidate=replace(alone.candidate, outcomes=plain[:6]))
    assert "Fields" not in render_markdown(bare)


def test_hostile_texts_stay_text_wherever_they_stand() -> None:
    made = Made(count=12, text=HOSTILE)
    written = render_markdown(make_report(made, findings=make_findings(made, is_bad=True)))
    found = Found(READER.render(written))
    assert set(found.tags) <= {
        "h2", "h3", "p", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "code", "b", "strong", "em",
        "details", "summary", "sub",
    }  # fmt: skip
    assert found.tags.count("h2") == 1
    assert found.tags.count("details") == written.count("<details>")
    assert "<script>alert(1)</script>" in "".join(found.texts)
    assert not re.search("[\x00\u202e\ud800]", written)
    assert written.encode()
    assert not re.search(r"(?i)https?:|@\w", "".join(found.texts).replace("https:", "", written.count("&#58;//")))


def test_one_model_alone_has_its_rate_and_no_gates() -> None:
    written = render_markdown(make_report(Made(count=12, is_pair=False)))
    assert "Gate" not in written
    assert "orders-v1 passed 10 of 12 cases." in written
    assert "Difference" not in written


def test_warnings_are_quoted_under_the_answer() -> None:
    assert REPORT.verdict is not None
    warned = replace(REPORT, verdict=replace(REPORT.verdict, warnings=("Look *out*.",)))
    assert "> ⚠️ Look \\*out\\*." in render_markdown(warned)
